from jobs.train.log import LogRow, records_of, rows_of
from jobs.training.log import as_csv

_ROWS = [
    LogRow(10, 0, 1.5, 900, 0.25, 1e-3),
    LogRow(20, 1, 3.0, 1800, 0.125, 1e-3, accuracy=0.75, deviation=0.01, tar=0.5),
]


def test_rows_are_the_same_behind_a_checkpoint() -> None:
    assert rows_of(records_of(_ROWS)) == _ROWS


def test_what_is_not_known_is_empty() -> None:
    header, first, second = as_csv(_ROWS).decode().splitlines()
    assert header == "step,epoch,seconds,crops,loss,learning_rate,accuracy,deviation,tar"
    assert first == "10,0,1.5,900,0.25,0.001,,,"
    assert second == "20,1,3,1800,0.125,0.001,0.75,0.01,0.5"
