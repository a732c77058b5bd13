"""The small project of the demo: a shopping cart with a real bug and a test that shows it.

Needs nothing but `python3`. The bug: the discount, a percentage, is taken off as an amount.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

CHECK = "python3 -m unittest discover -q"

CART = '''\
"""A shopping cart."""


class Cart:
    def __init__(self):
        self.items = []
        self.discount = 0  # percent

    def add(self, name, price, count=1):
        self.items.append((name, price, count))

    def total(self):
        """What there is to pay, with the discount taken off."""
        full = sum(price * count for _, price, count in self.items)
        return full - self.discount
'''

TEST = """\
import unittest

from src.cart import Cart


class CartTest(unittest.TestCase):
    def setUp(self):
        self.cart = Cart()
        self.cart.add("tea", 4.50, 2)
        self.cart.add("bread", 3.00)

    def test_total_without_a_discount(self):
        self.assertEqual(self.cart.total(), 12.00)

    def test_an_empty_cart_costs_nothing(self):
        self.assertEqual(Cart().total(), 0)

    def test_total_with_a_discount(self):
        self.cart.discount = 25
        self.assertEqual(self.cart.total(), 9.00)
"""

FILES: Mapping[str, str] = {
    "README.md": "# Cart\n\nA small shopping cart. Test it: `python3 -m unittest discover`\n",
    "src/__init__.py": "",
    "src/cart.py": CART,
    "tests/__init__.py": "",
    "tests/test_cart.py": TEST,
    ".gitignore": "__pycache__/\n",
}


def write(folder: Path) -> None:
    for name, text in FILES.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
