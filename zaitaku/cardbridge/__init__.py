"""The helper beside the card reader: it reads the card, and the web server never meets the PIN.

Layers, lowest first: ``transport`` (readers and connections), ``apdu`` (commands and answers),
``jpki`` (what a My Number Card can do for us). ``pcsc`` and ``inprocess`` are transports;
``virtualcard`` is a card in software, plugged in by ``inprocess`` or, through pcscd, by ``vpcd``.
"""
