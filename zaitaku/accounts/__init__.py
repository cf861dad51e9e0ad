"""Who works at a facility: accounts, roles and what each may do, passwords, console sessions."""
