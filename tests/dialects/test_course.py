"""Courses: messages with a past, whose walks put down how they stand at a cut."""

from pipeline.prompt import Edit
from stages.dialects.course import UNHEARD, WHOLE, Course, Past, Walk, course_of


def test_an_array_is_no_course() -> None:
    """It is walked whole; so is what somebody made of a course."""
    course = Course([1, 2], cut=1)
    assert course_of(course) is course
    for other in ([1, 2], course[:1], [*course], None, "text"):
        assert course_of(other) is WHOLE
    assert (WHOLE.first, WHOLE.cut) == (0, -1)


def test_messages_are_numbered_as_in_the_whole_conversation() -> None:
    """Those before the cut of the walk before are counted, too."""
    course = Course("abc", Past(10), cut=2)
    assert (course.first, course.cut, course.left.number) == (10, 12, 12)
    assert Course("abc", Past(10)).cut == -1


def test_what_was_heard_is_on_the_same_course() -> None:
    """Other messages, cut elsewhere; what is put down there is put down in one place."""
    course = Course("abcd", Past(10), cut=2)
    heard = course.heard(["A", "B", "C"], 1)
    assert (list(heard), heard.cut, heard.past) == (["A", "B", "C"], 11, course.past)
    assert heard.left is course.left


def test_what_was_recorded() -> None:
    """By one walk and by the other, in this order."""
    one, other = (Edit("translate", path, "dropped", "so") for path in ("a", "b"))
    past = Past(3, heard=UNHEARD)
    assert not list(past.edits)
    past.told = Walk((other,), None)
    assert list(past.edits) == [other]
    past.heard = Walk((one,), None)
    assert list(past.edits) == [one, other]
