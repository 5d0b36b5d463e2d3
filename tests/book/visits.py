"""A visit to a page: all that goes wrong on the way is told."""


def visit(tab, site, page):
    """Open a page; return everything that went wrong on the way."""
    troubles = []
    listeners = {
        "console": lambda m: m.type == "error" and troubles.append(f"console: {m.text}"),
        "pageerror": lambda error: troubles.append(f"error: {error}"),
        # aborted: the browser itself gave up a fetch, as it does when the last page's icon is late
        "requestfailed": lambda request: (
            request.failure == "net::ERR_ABORTED"
            or troubles.append(f"{request.failure}: {request.url}")
        ),
        "request": lambda r: (
            r.url.startswith((site, "data:", "blob:")) or troubles.append(f"foreign: {r.url}")
        ),
        "response": lambda r: r.status >= 400 and troubles.append(f"{r.status}: {r.url}"),
    }
    for event, listener in listeners.items():
        tab.on(event, listener)
    tab.goto(site + page, wait_until="load")
    tab.evaluate("document.fonts.ready.then(() => 0)")
    for event, listener in listeners.items():
        tab.remove_listener(event, listener)
    return troubles
