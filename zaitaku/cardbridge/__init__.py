"""The helper beside the card reader: it reads the card, and the web server never meets the PIN.

Rooms, lowest first: ``card`` (commands, the applet, one session at a time); ``pcsc`` and
``virtual`` (readers and cards, real and in software) and ``trust`` (whose requests are carried
out); ``reading`` (the one reading at the desk); ``web`` (the pages); ``running`` (the command).
"""
