"""What is asked, what was answered, and the record of it: once and for ever."""
