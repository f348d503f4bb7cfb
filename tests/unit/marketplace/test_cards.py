"""A card's YAML is bounded before it is read, and says what is wrong with it."""

import pytest

from apps.marketplace.errors import BadCardError
from apps.marketplace.formats.cards import DEEPEST, LARGEST_FRONT, read_card

BOMB = "a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]"


@pytest.mark.parametrize(
    ("front", "said"),
    [
        (BOMB, "uses an alias"),
        ("a: " + "x" * LARGEST_FRONT, f"at most {LARGEST_FRONT}"),
        ("a: " + "[" * (DEEPEST + 2) + "]" * (DEEPEST + 2), "deep"),
        ("a: " + "[" * 20_000, "cannot be read"),
        ("a: !!python/object/apply:os.system [id]", "cannot be read"),
        ("a: [", "cannot be read"),
        ("- a\n- b", "mapping"),
    ],
    ids=["aliases", "large", "deep", "deeper", "code", "broken", "list"],
)
def test_yaml_that_does_harm_or_is_none_is_refused(front: str, said: str):
    with pytest.raises(BadCardError, match=said):
        read_card(f"---\n{front}\n---\nText")


def test_a_card_is_its_facts_and_its_text():
    card = read_card("---\nlicense: mit\ntags: [a, 1, b]\n---\n# Boards\n")

    assert (card.word("license"), card.words("tags")) == ("mit", ["a", "b"])
    assert card.text.strip() == "# Boards"
    assert read_card("# Only text").facts == {}
