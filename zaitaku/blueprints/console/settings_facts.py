"""What the operator keeps about the facility: to be read here, changed by the operator alone."""

from flask import render_template

from zaitaku.accounts.model import Permission
from zaitaku.blueprints.console.room import blueprint
from zaitaku.blueprints.edge import services
from zaitaku.blueprints.permissions import current_staff, requires
from zaitaku.facilities.relations import CODE_CHANGE_NAMES, RELATION_NAMES, FacilityFacts


@blueprint.get("/environment-settings/registered-facts")
@requires(Permission.CHANGE_ENVIRONMENT_SETTINGS)
def registered_facts() -> str:
    """Show code, name, telephone, 利用開始日, former codes and 関連医療機関情報."""
    facility, registry = current_staff().facility, services().registry
    facts = FacilityFacts.of(facility).in_words()
    return render_template(
        "console/registered_facts.html",
        rows=[{"key": "医療機関等コード", "value": facility.code}]
        + [{"key": name, "value": words} for name, words in facts.items()],
        former=registry.former_codes(facility.id),
        related=registry.related(facility.id),
        change_names=CODE_CHANGE_NAMES,
        relation_names=RELATION_NAMES,
    )
