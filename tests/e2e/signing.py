"""Signing in as a person does."""

from playwright.sync_api import Page

from tests.stack import EMAIL, PASSWORD


def sign_in(page: Page, email: str = EMAIL) -> None:
    page.goto("/accounts/login/")
    page.get_by_label("Email").fill(email)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(lambda url: "/login/" not in url)
