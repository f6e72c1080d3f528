from __future__ import annotations

import pytest

from queuectl_core.errors import BadData
from queuectl_core.services.envfile import parse


@pytest.mark.parametrize(
    ("text", "variables"),
    [
        ("A=1\nB = two words \n", {"A": "1", "B": "two words"}),
        ("# note\n\n  # more\nexport A=1\n", {"A": "1"}),
        ("A=1 # why\nB=a#b\nC=#none\n", {"A": "1", "B": "a#b", "C": ""}),
        ("A=\n", {"A": ""}),
        ("A=x=y\n", {"A": "x=y"}),
        ("A='it $x \\n' # why\n", {"A": "it $x \\n"}),
        ('A="a\\tb\\n\\$c \\"d\\" \\\\e \\z"\n', {"A": 'a\tb\n$c "d" \\e \\z'}),
        ("A='one\ntwo'\nB=1\n", {"A": "one\ntwo", "B": "1"}),
        ('A="one \\\ntwo"\n', {"A": "one two"}),
        ("A=1\nA=2", {"A": "2"}),
        ("\ufeffA=1\r\nB=2\r\n", {"A": "1", "B": "2"}),
        ("A=$HOME\n", {"A": "$HOME"}),
        ("", {}),
    ],
)
def test_the_lines_of_a_file_give_variables(text, variables):
    assert parse(text) == variables


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("A=1\nnonsense\n", 'line 2 has no =: "nonsense"'),
        ("1A=1\n", 'line 1 has the name "1A"'),
        ("A B=1\n", 'line 1 has the name "A B"'),
        ("=1\n", 'line 1 has the name ""'),
        ("\nA='open\nmore\n", "line 2: a ' is never closed"),
        ('A="open\\"\n', 'line 1: a " is never closed'),
        ("A='x'y\n", 'line 1 goes on after the \': "y"'),
    ],
)
def test_a_wrong_line_is_named(text, message):
    with pytest.raises(BadData) as caught:
        parse(text)

    assert str(caught.value).startswith(message)
