"""What happens to made-up people: a few stories, with the answer to every measure written down by hand.

A story is a list of events a number of days apart. This module is data; `made_up_people` turns stories into rows.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from ebi_rules.pathways.flow import IN_VIEW, LOST

FLOW = "musculoskeletal"
"""The key of the flow whose pathways are planted."""
LOST_AFTER = 183
"""The longest gap within a pathway of that flow, in days."""
Labels = Mapping[str, Sequence[tuple[int, str | int]]]
"""For each measure, the day of every index activity, and the answer."""


@dataclass(frozen=True)
class Story:
    """A story that a share of people have.

    Attributes:
        share: The share of people; the shares of all stories need not add up to one.
        events: The events in order: days from the first event, and the kind of event.
        paths: The pathways of the flow.
        labels: The answers to every measure, if the whole window lies within the data.
        last_stage: The day of the last stage of the flow, if that is not the last event.
    """

    share: float
    events: Sequence[tuple[int, str]]
    paths: Sequence[str]
    labels: Labels
    last_stage: int | None = None

    @property
    def length(self) -> int:
        """Days from the first event to the last."""
        return self.events[-1][0]


STORIES: Sequence[Story] = (
    Story(
        0.16,
        [(0, "scan")],
        ["start > imaging > no further activity"],
        {
            "repeat_imaging": [(0, "no")],
            "spinal_procedure_after_imaging": [(0, "no")],
            "attendances_after_imaging": [(0, 0)],
            "emergency_before_imaging": [(0, 0)],
            "emergency_after_imaging": [(0, 0)],
        },
    ),
    Story(
        0.08,
        [(0, "scan"), (150, "scan")],
        ["start > imaging > no further activity"],
        {
            "repeat_imaging": [(0, "yes"), (150, "no")],
            "spinal_procedure_after_imaging": [(0, "no"), (150, "no")],
            "attendances_after_imaging": [(0, 0), (150, 0)],
            "emergency_before_imaging": [(0, 0), (150, 0)],
            "emergency_after_imaging": [(0, 0), (150, 0)],
        },
    ),
    Story(
        0.04,
        [(0, "scan"), (100, "operation")],
        ["start > imaging > procedure > no further activity"],
        {
            "repeat_imaging": [(0, "no")],
            "spinal_procedure_after_imaging": [(0, "yes")],
            "attendances_after_imaging": [(0, 0)],
            "emergency_before_imaging": [(0, 0)],
            "emergency_after_imaging": [(0, 0)],
        },
    ),
    Story(
        0.12,
        [(0, "specialist, seen first"), (30, "scan")],
        ["start > request > specialist > imaging > no further activity"],
        {
            "imaging_before_specialist": [(0, "no")],
            "imaging_after_specialist": [(0, "yes")],
            "sent_for_imaging": [(0, "yes")],
            "discharged_at_first_attendance": [(0, "no")],
            "specialist_without_community": [(0, "yes")],
            "specialist_without_community_contact": [(0, "yes")],
            "did_not_attend": [(0, "no")],
            "days_to_first_attendance": [(0, 40)],
            "surgical_conversion": [(0, "no")],
            "repeat_imaging": [(30, "no")],
            "spinal_procedure_after_imaging": [(30, "no")],
            "attendances_after_imaging": [(30, 0)],
            "emergency_before_imaging": [(30, 0)],
            "emergency_after_imaging": [(30, 0)],
        },
    ),
    Story(
        0.15,
        [(0, "physiotherapy, seen first"), (60, "specialist, seen first, discharged")],
        ["start > request > community > request > specialist > discharge"],
        {
            "imaging_before_specialist": [(60, "no")],
            "imaging_after_specialist": [(60, "no")],
            "sent_for_imaging": [(0, "no"), (60, "no")],
            "discharged_at_first_attendance": [(60, "yes")],
            "specialist_without_community": [(60, "no")],
            "specialist_without_community_contact": [(60, "yes")],
            "did_not_attend": [(0, "no"), (60, "no")],
            "days_to_first_attendance": [(0, 14), (60, 30)],
            "days_to_community_attendance": [(0, 14)],
            "re_entry": [(60, "no")],
            "surgical_conversion": [(60, "no")],
        },
    ),
    Story(
        0.05,
        [(0, "specialist, seen first"), (120, "operation")],
        ["start > request > specialist > procedure > no further activity"],
        {
            "imaging_before_specialist": [(0, "no")],
            "imaging_after_specialist": [(0, "no")],
            "sent_for_imaging": [(0, "no")],
            "discharged_at_first_attendance": [(0, "no")],
            "specialist_without_community": [(0, "yes")],
            "specialist_without_community_contact": [(0, "yes")],
            "did_not_attend": [(0, "no")],
            "days_to_first_attendance": [(0, 40)],
            "surgical_conversion": [(0, "yes")],
        },
    ),
    Story(
        0.10,
        [(0, "scan"), (45, "specialist, seen first")],
        ["start > imaging > request > specialist > no further activity"],
        {
            "repeat_imaging": [(0, "no")],
            "spinal_procedure_after_imaging": [(0, "no")],
            "attendances_after_imaging": [(0, 1)],
            "emergency_before_imaging": [(0, 0)],
            "emergency_after_imaging": [(0, 0)],
            "imaging_before_specialist": [(45, "yes")],
            "imaging_after_specialist": [(45, "no")],
            "sent_for_imaging": [(45, "no")],
            "discharged_at_first_attendance": [(45, "no")],
            "specialist_without_community": [(45, "yes")],
            "specialist_without_community_contact": [(45, "yes")],
            "did_not_attend": [(45, "no")],
            "days_to_first_attendance": [(45, 40)],
            "surgical_conversion": [(45, "no")],
        },
    ),
    Story(
        0.10,
        [(0, "physiotherapy, not attended"), (28, "physiotherapy, seen first")],
        ["start > request > community > no further activity"],
        {
            "did_not_attend": [(0, "yes"), (28, "no")],
            "sent_for_imaging": [(28, "no")],
            "days_to_first_attendance": [(28, 14)],
            "days_to_community_attendance": [(28, 14)],
        },
    ),
    Story(
        0.08,
        [(0, "specialist again, discharged"), (400, "physiotherapy, seen first")],
        ["start > specialist > discharge", "start > request > community > no further activity"],
        {
            "re_entry": [(0, "yes")],
            "did_not_attend": [(0, "no"), (400, "no")],
            "sent_for_imaging": [(400, "no")],
            "days_to_first_attendance": [(400, 14)],
            "days_to_community_attendance": [(400, 14)],
        },
    ),
    Story(
        0.09,
        [(0, "specialist again, discharged")],
        ["start > specialist > discharge"],
        {"re_entry": [(0, "no")], "did_not_attend": [(0, "no")]},
    ),
    Story(
        0.08,
        [(0, "scan"), (20, "specialist again"), (50, "specialist again")],
        ["start > imaging > specialist > no further activity"],
        {
            "repeat_imaging": [(0, "no")],
            "spinal_procedure_after_imaging": [(0, "no")],
            "attendances_after_imaging": [(0, 2)],
            "emergency_before_imaging": [(0, 0)],
            "emergency_after_imaging": [(0, 0)],
            "did_not_attend": [(20, "no"), (50, "no")],
        },
    ),
    Story(
        0.05,
        [(0, "fracture clinic, seen first")],
        ["start > request > specialist > no further activity"],
        {
            "imaging_before_specialist": [(0, "no")],
            "imaging_after_specialist": [(0, "no")],
            "sent_for_imaging": [(0, "no")],
            "discharged_at_first_attendance": [(0, "no")],
            "did_not_attend": [(0, "no")],
            "days_to_first_attendance": [(0, 3)],
        },
    ),
    Story(
        0.04,
        [(0, "pain management, seen first"), (90, "facet joint denervation")],
        ["start > request > specialist > procedure > no further activity"],
        {
            "imaging_before_specialist": [(0, "no")],
            "imaging_after_specialist": [(0, "no")],
            "sent_for_imaging": [(0, "no")],
            "discharged_at_first_attendance": [(0, "no")],
            "specialist_without_community": [(0, "yes")],
            "specialist_without_community_contact": [(0, "yes")],
            "did_not_attend": [(0, "no")],
            "days_to_first_attendance": [(0, 60)],
            "surgical_conversion": [(0, "no")],
            "ebi_under_pain_services": [(0, "yes")],
        },
    ),
    Story(
        0.06,
        [(0, "community contact")],
        ["start > request > community > no further activity"],
        {"wait_to_community_contact": [(0, 21)], "did_not_attend_community": [(0, "no")]},
    ),
    Story(
        0.05,
        [(0, "emergency attendance"), (30, "scan in imaging"), (60, "specialist, seen first")],
        ["start > request > imaging > specialist > no further activity"],
        {
            "emergency_before_scan": [(30, 1)],
            "emergency_after_scan": [(30, 0)],
            "appointments_before_scan": [(30, 0)],
            "appointments_after_scan": [(30, 1)],
            "scans_before_scan": [(30, 0)],
            "scans_after_scan": [(30, 0)],
            "days_from_request_to_scan": [(30, 20)],
            "days_from_scan_to_report": [(30, 3)],
            "imaging_before_specialist": [(60, "no")],
            "imaging_after_specialist": [(60, "no")],
            "sent_for_imaging": [(60, "no")],
            "discharged_at_first_attendance": [(60, "no")],
            "specialist_without_community": [(60, "yes")],
            "specialist_without_community_contact": [(60, "yes")],
            "did_not_attend": [(60, "no")],
            "days_to_first_attendance": [(60, 40)],
            "surgical_conversion": [(60, "no")],
        },
    ),
    Story(
        0.05,
        [(0, "community contact at last"), (100, "specialist, seen first")],
        ["start > request > community > request > specialist > no further activity"],
        {
            "wait_to_community_contact": [(0, 35)],
            "did_not_attend_community": [(-7, "yes"), (0, "no")],
            "imaging_before_specialist": [(100, "no")],
            "imaging_after_specialist": [(100, "no")],
            "sent_for_imaging": [(100, "no")],
            "discharged_at_first_attendance": [(100, "no")],
            "specialist_without_community": [(100, "yes")],
            "specialist_without_community_contact": [(100, "no")],
            "did_not_attend": [(100, "no")],
            "days_to_first_attendance": [(100, 40)],
            "surgical_conversion": [(100, "no")],
        },
    ),
    Story(
        0.04,
        [(0, "community referral closed")],
        ["start > request > no further activity"],
        {"wait_to_community_contact": [(0, "removed")]},
        last_stage=-30,
    ),
    Story(
        0.04,
        [(0, "community referral")],
        ["start > request > no further activity"],
        {"wait_to_community_contact": [(0, "waiting")]},
    ),
    Story(
        0.03,
        [(0, "community contact without status")],
        ["start > request > no further activity"],
        {"wait_to_community_contact": [(0, "waiting")]},
        last_stage=-10,
    ),
    Story(
        0.05,
        [(0, "on the list until seen")],
        ["start > request > no further activity"],
        {"wait_to_specialist_attendance": [(0, 50)], "wait_to_treatment": [(0, 50)]},
        last_stage=-50,
    ),
    Story(
        0.04,
        [(0, "on the list until gone"), (0, "specialist, seen from the list")],
        ["start > request > specialist > no further activity"],
        {
            "wait_to_specialist_attendance": [(0, 50)],
            "wait_to_treatment": [(0, "removed")],
            "imaging_before_specialist": [(0, "no")],
            "imaging_after_specialist": [(0, "no")],
            "sent_for_imaging": [(0, "no")],
            "discharged_at_first_attendance": [(0, "no")],
            "specialist_without_community": [(0, "yes")],
            "specialist_without_community_contact": [(0, "yes")],
            "did_not_attend": [(0, "no")],
            "days_to_first_attendance": [(0, 50)],
            "surgical_conversion": [(0, "no")],
        },
    ),
    Story(
        0.03,
        [(0, "on the list until gone")],
        ["start > request > no further activity"],
        {"wait_to_specialist_attendance": [(0, "removed")], "wait_to_treatment": [(0, "removed")]},
        last_stage=-50,
    ),
    Story(
        0.03,
        [(0, "on the list")],
        ["start > request > no further activity"],
        {"wait_to_specialist_attendance": [(0, "waiting")], "wait_to_treatment": [(0, "waiting")]},
    ),
)
"""The stories, with the share of people who have each."""

WINDOWS = {
    "repeat_imaging": 365,
    "spinal_procedure_after_imaging": 365,
    "imaging_after_specialist": 365,
    "sent_for_imaging": 90,
    "attendances_after_imaging": 90,
    "re_entry": 730,
    "surgical_conversion": 365,
    "ebi_under_pain_services": 365,
    "emergency_after_scan": 90,
    "emergency_after_imaging": 90,
    "appointments_after_scan": 90,
    "scans_after_scan": 90,
}
"""The window of each measure that looks after the index, in days; the others look before it, or at the same day."""


def labels_of(story: Story, left: int) -> Iterator[tuple[str, str]]:
    """Yield every measure with an answer, once per index activity.

    Args:
        story: The story.
        left: Days from its last event to the end of the data. Answers of windows that reach beyond are incomplete.
    """
    for measure, answers in story.labels.items():
        for day, answer in answers:
            is_cut = day + WINDOWS.get(measure, 0) > story.length + left
            yield measure, "incomplete" if is_cut else str(answer)


def paths_of(story: Story, left: int) -> Sequence[str]:
    """Return the pathways of a story; without enough days left, the last one is still being followed.

    Args:
        story: The story.
        left: Days from its last event to the end of the data.
    """
    *others, last = story.paths
    last_stage = story.length if story.last_stage is None else story.last_stage
    is_open = story.length + left - last_stage < LOST_AFTER
    return [*others, last.replace(LOST, IN_VIEW) if is_open else last]
