"""Read the page of routes as a browser would. page.py PAGE POLICY

Prints one line per fault: elements that do not close, ids that come twice, anything from another host, a script or style that
the policy does not let run, links to nothing.
"""
import base64
import hashlib
import html.parser
import pathlib
import sys

VOID = {"meta", "input", "br", "link", "img"}
text = pathlib.Path(sys.argv[1]).read_text("utf-8")
policy = sys.argv[2]
faults = []


class Page(html.parser.HTMLParser):
    def __init__(self):
        super().__init__()
        self.open, self.ids, self.links, self.inline = [], [], [], {}

    def handle_starttag(self, tag, attributes):
        names = dict(attributes)
        if tag not in VOID:
            self.open.append(tag)
        if "id" in names:
            self.ids.append(names["id"])
        if "href" in names:
            self.links.append(names["href"])
        faults.extend(f"<{tag} {name}>" for name in names if name in ("src", "style") or name.startswith("on"))

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            faults.append(f"</{tag}> closes nothing, line {self.getpos()[0]}")

    def handle_data(self, data):
        if self.open and self.open[-1] in ("script", "style"):
            self.inline[self.open[-1]] = self.inline.get(self.open[-1], "") + data


page = Page()
page.feed(text)
page.close()
faults += [f"<{tag}> is not closed" for tag in page.open]
faults += [f"id {name} comes twice" for name in page.ids if page.ids.count(name) > 1]
faults += [f"a link to {link}" for link in page.links if link != "openapi.json" and link.lstrip("#") not in page.ids]
for kind in ("script", "style"):
    digest = base64.b64encode(hashlib.sha256(page.inline[kind].encode()).digest()).decode()
    if f"{kind}-src 'sha256-{digest}'" not in policy:
        faults.append(f"the policy does not let the {kind} run")
if "default-src 'none'" not in policy or "unsafe" in policy:
    faults.append("the policy is not strict")
print("\n".join(faults))
sys.exit(bool(faults))
