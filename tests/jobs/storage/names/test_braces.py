"""Brace expansion: what is a range or a list, what is left alone, and where the files are."""

import itertools
import shutil
import subprocess

import pytest

from jobs.storage.names.braces import common_folder, expand

EXPANSIONS = {
    "s3://b/{000..002}.tar": ["s3://b/000.tar", "s3://b/001.tar", "s3://b/002.tar"],
    "{8..11}": ["8", "9", "10", "11"],
    "{08..11}": ["08", "09", "10", "11"],
    "{8..011}": ["008", "009", "010", "011"],
    "{2..0}": ["2", "1", "0"],
    "{0..9..4}": ["0", "4", "8"],
    "{9..0..4}": ["9", "5", "1"],
    "{a..c}": ["a", "b", "c"],
    "x{train,val}y": ["xtrainy", "xvaly"],
    "{a,}.tar": ["a.tar", ".tar"],
    "{a,b}/{1..2}": ["a/1", "a/2", "b/1", "b/2"],
    "{a,b{1,2},{x,{y,z}}}": ["a", "b1", "b2", "x", "y", "z"],
    "{{1..2},c}": ["1", "2", "c"],
    "{x}{1,2}": ["{x}1", "{x}2"],
    "{{1,2}}": ["{1}", "{2}"],
    "{a{1,2}": ["{a1", "{a2"],
    "a}b{1,2}": ["a}b1", "a}b2"],
}


@pytest.mark.parametrize(("url", "expected"), EXPANSIONS.items())
def test_braces_expand(url: str, expected: list[str]) -> None:
    assert list(expand(url)) == expected


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash to compare with")
@pytest.mark.parametrize("url", EXPANSIONS)
def test_bash_expands_them_alike(url: str) -> None:
    shell = subprocess.run(
        ["bash", "-c", f"printf '%s\\n' {url}"], capture_output=True, text=True, check=True
    )
    assert list(expand(url)) == shell.stdout.splitlines()


@pytest.mark.parametrize("url", ["", "a.tar", "{}", "{a}", "{", "}", "{1..}", "{1..b}", "{²..³}"])
def test_what_is_no_range_and_no_list_stays(url: str) -> None:
    assert list(expand(url)) == [url]


def test_more_urls_than_fit_into_memory_come_one_by_one() -> None:
    urls = expand("{000000000000..999999999999}/{0..9}")
    assert list(itertools.islice(urls, 9, 11)) == ["000000000000/9", "000000000001/0"]


@pytest.mark.parametrize(
    ("urls", "folder"),
    [
        (["s3://b/x/0.tar", "s3://b/x/1.tar"], "s3://b/x"),
        (["s3://b/x/0.tar", "s3://b/xy/0.tar"], "s3://b"),
        (["s3://b/x/0.tar", "s3://b/x/y/0.tar"], "s3://b/x"),
        (["s3://b/x/y/0.tar", "s3://b/x/0.tar"], "s3://b/x"),
        (["/x/0.tar", "/y/0.tar"], ""),
        (["/x/0.tar"], "/x"),
        ([], ""),
    ],
)
def test_the_common_folder_is_made_of_whole_names(urls: list[str], folder: str) -> None:
    assert common_folder(urls) == folder
