from tests.browser.test_books import *
from tests.browser.conftest import *
def test_shots(page, login, alice, history, display):
    lose(display); check_books()
    login(page, alice)
    for name,url in (("day",BOOKS),("display",BOOKS+"?by=display"),("rule",BOOKS+"?by=rule"),("rows",BOOKS+"rows/?show=captured"),("incidents",INCIDENTS)):
        page.goto(url); page.screenshot(path=f"/tmp/books/{name}.png", full_page=True)
    page.set_viewport_size(PHONE); page.emulate_media(color_scheme="dark")
    for name,url in (("day",BOOKS),("incidents",INCIDENTS)):
        page.goto(url); page.screenshot(path=f"/tmp/books/{name}-m.png", full_page=True)
