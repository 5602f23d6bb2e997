"""What an extract does not have is named in one order, whatever order it was asked for in."""

from ebi_rules.layouts.binding import bind
from ebi_rules.layouts.layout import find_layout


def test_absent_fields_are_in_the_order_of_the_layout() -> None:
    binding = bind(find_layout("dids-national"))
    assert binding.absent(["cancer_pathway", "sex", "priority"]) == ["priority", "cancer_pathway"]
    assert binding.absent(["priority", "cancer_pathway"]) == ["priority", "cancer_pathway"]
