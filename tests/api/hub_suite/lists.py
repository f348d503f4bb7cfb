"""What people put together and talk about: collections, discussions."""

from day import NAMESPACE, REPO, RUN, api, check, colleague, reader, refused, stranger
from huggingface_hub.errors import HfHubHTTPError

TITLE = f"Line 3, {RUN}"
TALK = f"{NAMESPACE}/talk-{RUN}"


def named():
    return next(
        one for one in api.list_collections(owner=NAMESPACE) if one.title == TITLE
    )


@check
def a_collection_is_made_once_and_described():
    made = api.create_collection(TITLE, namespace=NAMESPACE, description="To try")
    again = api.create_collection(TITLE, namespace=NAMESPACE, exists_ok=True)
    assert made.slug == again.slug, (made.slug, again.slug)
    with refused(HfHubHTTPError, 409):
        api.create_collection(TITLE, namespace=NAMESPACE)
    changed = api.update_collection_metadata(made.slug, description="Tried")
    assert changed.description == "Tried", changed
    assert changed.title == TITLE
    assert api.get_collection(made.slug).owner["name"] == NAMESPACE


@check
def models_and_datasets_are_listed_in_the_order_that_was_given():
    slug = named().slug
    data = f"{NAMESPACE}/listed-{RUN}"
    api.create_repo(data, repo_type="dataset")
    api.add_collection_item(slug, REPO, "model", note="The first")
    api.add_collection_item(slug, data, "dataset")
    with refused(HfHubHTTPError, 409):
        api.add_collection_item(slug, REPO, "model")
    api.add_collection_item(slug, REPO, "model", exists_ok=True)
    with refused(HfHubHTTPError, 400):
        api.add_collection_item(slug, "2307.09288", "paper")

    first, second = api.get_collection(slug).items
    api.update_collection_item(slug, second.item_object_id, position=0, note="Data")
    found = [(one.item_id, one.note) for one in reader.get_collection(slug).items]
    assert found == [(data, "Data"), (REPO, "The first")], found
    assert api.list_collections(item=f"models/{REPO}") is not None
    holding = [one.slug for one in api.list_collections(item=f"models/{REPO}")]
    assert holding == [slug], holding

    api.delete_collection_item(slug, first.item_object_id)
    api.delete_collection_item(slug, first.item_object_id, missing_ok=True)
    assert len(api.get_collection(slug).items) == 1
    api.delete_repo(data, repo_type="dataset")


@check
def strangers_know_of_no_collection_and_readers_change_none():
    slug = named().slug
    with refused(HfHubHTTPError, 404):
        stranger.get_collection(slug)
    assert TITLE not in {one.title for one in stranger.list_collections()}
    with refused(HfHubHTTPError, 403):
        reader.update_collection_metadata(slug, title="Mine")
    assert TITLE in {one.title for one in colleague.list_collections()}
    api.delete_collection(slug)
    api.delete_collection(slug, missing_ok=True)


def topic():
    found = api.get_repo_discussions(TALK, discussion_status="all")
    return next(one for one in found if one.title == "Dents are missed")


@check
def a_discussion_is_opened_answered_and_closed():
    api.create_repo(TALK)
    made = api.create_discussion(
        TALK, "Dents are missed", description="Every <b>second</b> one."
    )
    assert made.status == "open", made
    assert made.repo_id == TALK
    said = colleague.comment_discussion(TALK, made.num, "Since Monday.")
    assert said.content == "Since Monday.", said
    colleague.change_discussion_status(
        TALK, made.num, "closed", comment="Trained anew."
    )

    details = api.get_discussion_details(TALK, made.num)
    texts = [event.content for event in details.events if event.type == "comment"]
    assert texts == ["Every <b>second</b> one.", "Since Monday.", "Trained anew."], (
        texts
    )
    assert details.status == "closed"
    last = details.events[-1]
    assert (last.type, last.new_status) == ("status-change", "closed"), last
    assert last.author == said.author
    assert "<b>" not in details.events[0].rendered
    assert details.events[0].author == made.author != said.author


@check
def discussions_are_found_by_how_they_stand_and_who_began_them():
    num = topic().num

    def nums(**wanted):
        return [one.num for one in api.get_repo_discussions(TALK, **wanted)]

    assert num in nums(discussion_status="closed")
    assert num not in nums(discussion_status="open")
    assert nums(discussion_type="pull_request") == []
    assert num in nums(author=topic().author)
    assert nums(author="nobody") == []
    api.change_discussion_status(TALK, num, "open")
    assert num in nums(discussion_status="open")


@check
def a_discussion_about_data_is_held_as_one_about_a_model():
    api.create_repo(TALK, repo_type="dataset")
    made = api.create_discussion(TALK, "Twins", description="?", repo_type="dataset")
    api.comment_discussion(TALK, made.num, "See 7 and 8.", repo_type="dataset")
    api.change_discussion_status(TALK, made.num, "closed", repo_type="dataset")

    details = api.get_discussion_details(TALK, made.num, repo_type="dataset")
    assert details.repo_type == "dataset"
    assert [event.type for event in details.events] == [
        "comment", "comment", "status-change",
    ], details.events  # fmt: skip


@check
def what_discussions_are_not_here_is_said():
    num = topic().num
    with refused(HfHubHTTPError, 400):
        api.create_pull_request(TALK, "Better weights")
    with refused(HfHubHTTPError, 400):
        api.comment_discussion(TALK, num, " ")
    with refused(HfHubHTTPError, 404):
        api.get_discussion_details(TALK, 2**40)
    with refused(HfHubHTTPError, 403):
        reader.comment_discussion(TALK, num, "May I?")
    with refused(HfHubHTTPError, 404):
        list(stranger.get_repo_discussions(TALK))
