import math

import numpy as np
import pytest
import torch

from deepseek_vision.boxes import iou_matrix
from deepseek_vision.runtime import cell_centres
from deepseek_vision.training.losses import (
    detection_loss,
    giou,
    imitation_loss,
    to_boxes,
)
from deepseek_vision.training.matching import assign, pairwise_iou

SIDE = 64
CENTRES = torch.from_numpy(cell_centres(SIDE, SIDE))
NUM_CELLS = len(CENTRES)


def truth(*rows):
    return torch.tensor([rows], dtype=torch.float32)


def perfect_answers(box, label, num_classes=2):
    boxes = torch.tensor(box, dtype=torch.float32).expand(1, NUM_CELLS, 4)
    scores = torch.full((1, NUM_CELLS, num_classes), 0.01)
    scores[..., label] = 0.9
    return scores, boxes


def test_cells_lie_at_the_centres_of_their_strides():
    assert NUM_CELLS == 64 + 16 + 4
    assert CENTRES[0].tolist() == [4, 4]
    assert CENTRES[1].tolist() == [12, 4]
    assert CENTRES[64].tolist() == [8, 8]
    assert CENTRES[80].tolist() == [16, 16]


def test_iou_agrees_with_the_one_that_serves():
    rng = np.random.default_rng(0)
    a, b = (np.sort(rng.uniform(0, 9, (7, 2, 2)), axis=1).reshape(7, 4) for _ in "ab")
    a, b = a.astype(np.float32), b.astype(np.float32)

    found = pairwise_iou(torch.from_numpy(a), torch.from_numpy(b)).numpy()

    np.testing.assert_allclose(found, iou_matrix(a, b), atol=1e-6)


@pytest.mark.parametrize(
    ("other", "value"),
    [([0, 0, 10, 10], 1.0), ([20, 0, 30, 10], -1 / 3), ([5, 0, 15, 10], 1 / 3)],
)
def test_giou_of_known_pairs(other, value):
    box = torch.tensor([[0.0, 0.0, 10.0, 10.0]])

    found = giou(box, torch.tensor([other], dtype=torch.float32))

    assert found.item() == pytest.approx(value, abs=1e-6)


def test_distances_become_boxes():
    boxes = to_boxes(
        torch.tensor([[[1.0, 2.0, 3.0, 4.0]]]), torch.tensor([[10.0, 20.0]])
    )

    assert boxes.tolist() == [[[9, 18, 13, 24]]]


def test_only_cells_inside_an_object_answer_for_it():
    box = [16.0, 16.0, 40.0, 40.0]
    scores, boxes = perfect_answers(box, 1)

    match = assign(scores, boxes, CENTRES, truth(box), torch.tensor([[1]]), top_k=99)

    inside = ((CENTRES > 16) & (CENTRES < 40)).all(dim=1)
    assert (match.object_BA[0] >= 0).tolist() == inside.tolist()
    assert match.quality_BA[0][inside].tolist() == pytest.approx(
        [1.0] * int(inside.sum())
    )
    assert match.quality_BA[0][~inside].abs().max() == 0


def test_one_to_one_gives_one_cell_an_object():
    box = [16.0, 16.0, 40.0, 40.0]
    scores, boxes = perfect_answers(box, 1)

    match = assign(scores, boxes, CENTRES, truth(box), torch.tensor([[1]]), top_k=1)

    assert int((match.object_BA >= 0).sum()) == 1


def test_padding_is_never_matched():
    box = [16.0, 16.0, 40.0, 40.0]
    scores, boxes = perfect_answers(box, 1)

    match = assign(scores, boxes, CENTRES, truth(box), torch.tensor([[-1]]), top_k=9)

    assert (match.object_BA == -1).all()
    assert (match.quality_BA == 0).all()


def test_a_contested_cell_goes_to_the_object_it_overlaps_most():
    wide, tight = [0.0, 0.0, 64.0, 64.0], [16.0, 16.0, 40.0, 40.0]
    scores, boxes = perfect_answers(tight, 0)

    match = assign(
        scores, boxes, CENTRES, truth(wide, tight), torch.tensor([[0, 0]]), top_k=99
    )

    inside = ((CENTRES > 16) & (CENTRES < 40)).all(dim=1)
    assert match.object_BA[0][inside].unique().tolist() == [1]


def logits_and_distances():
    generator = torch.Generator().manual_seed(3)
    logits = torch.randn(1, NUM_CELLS, 2, generator=generator).requires_grad_()
    distances = torch.rand(1, NUM_CELLS, 4, generator=generator) * 20
    return logits, distances.requires_grad_()


def test_the_loss_equals_its_definition_written_out():
    logits, distances = logits_and_distances()
    box = truth([10.0, 12.0, 50.0, 44.0])
    labels = torch.tensor([[1]])

    losses = detection_loss(logits, distances, CENTRES, box, labels, top_k=5)

    boxes = to_boxes(distances, CENTRES).detach()
    match = assign(logits.detach().sigmoid(), boxes, CENTRES, box, labels, top_k=5)
    wanted_classes = wanted_boxes = 0.0
    total = max(1.0, float(match.quality_BA.sum()))
    for cell in range(NUM_CELLS):
        owned = int(match.object_BA[0, cell]) >= 0
        quality = float(match.quality_BA[0, cell]) if owned else 0.0
        for label in range(2):
            p = 1 / (1 + math.exp(-float(logits[0, cell, label].detach())))
            goal = quality if label == 1 else 0.0
            wanted_classes -= goal * math.log(p) + (1 - goal) * math.log(1 - p)
        if owned:
            fit = float(giou(boxes[0, cell][None], box[0]).detach())
            wanted_boxes += (1 - fit) * quality
    assert losses.classes.item() == pytest.approx(wanted_classes / total, rel=1e-4)
    assert losses.boxes.item() == pytest.approx(wanted_boxes / total, rel=1e-4)
    assert losses.total.item() == pytest.approx(
        (wanted_classes + 5 * wanted_boxes) / total, rel=1e-4
    )


def test_a_picture_without_objects_only_lowers_scores():
    logits, distances = logits_and_distances()
    nothing = torch.tensor([[-1]])

    losses = detection_loss(
        logits, distances, CENTRES, truth([0, 0, 0, 0]), nothing, top_k=5
    )
    losses.total.backward()

    assert losses.boxes.item() == 0
    assert (logits.grad > 0).all()
    assert distances.grad.abs().max() == 0


def test_imitating_oneself_costs_nothing():
    logits, distances = logits_and_distances()

    losses = imitation_loss(
        logits,
        distances,
        CENTRES,
        logits.sigmoid().detach(),
        to_boxes(distances, CENTRES).detach(),
    )

    assert losses.total.item() == pytest.approx(0, abs=1e-5)
