"""``zaitaku account``: the accounts of a facility's staff, from the operator's side."""

import click

from zaitaku.accounts.model import INITIAL_PASSWORD_LIFETIME, ROLE_NAMES, Account, NewAccount, Role
from zaitaku.accounts.service import AccountService
from zaitaku.commands.deployment import Deployment, opened
from zaitaku.facilities.model import Facility, InstitutionCode
