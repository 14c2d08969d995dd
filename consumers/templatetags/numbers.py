"""How numbers are shown."""

from django import template

register = template.Library()


@register.filter
def grouped(number: int) -> str:
    """69659 as "69,659"."""
    return f"{number:,}"
