"""The MkDocs plugin, a thin adapter over pages/: the day MkDocs or Material is replaced, this file is."""

from __future__ import annotations

import hashlib
import html
import json
import os
import re
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mkdocs.config import base
from mkdocs.config import config_options as option
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.plugins import BasePlugin, event_priority
from mkdocs.structure.files import File, Files, InclusionLevel
from mkdocs.structure.pages import Page as MkDocsPage
from mkdocs.structure.toc import get_toc

from glassalpha_action import registry, report
from glassalpha_action.documents import UserError
from glassalpha_action.pages import reading, site
from glassalpha_action.pages.data import Model, Page, Portfolio
from glassalpha_action.pages.render import compact
from glassalpha_action.report.html import PLOTLY
from glassalpha_action.settings import DEFAULT_DATABASE

if TYPE_CHECKING:
    from jinja2 import Environment

ASSETS = Path(__file__).resolve().parent / "pages" / "assets"
THEME = ASSETS.parent / "theme"
REPORT = Path(report.__file__).resolve().parent
PLACE = "assets/glassalpha"
SHARED_DEPTH = 2
# Material writes a heading of its own above a body that has none.
TITLE, BODY = "glassalpha:title", "<h1>glassalpha:body</h1>"
# What Material repeats in every page: what sets the colours goes into a file, what opens tabs has none to open.
PALETTE = re.compile(r"<script>(var palette=.*?)</script>")
TABS = re.compile(r"<script>var target=.*?</script>\n?")
REPORTS = ("html", "pdf")


class PortalConfig(base.Config):  # type: ignore[no-untyped-call]
    """`plugins: - glassalpha: {...}` in mkdocs.yml; relative paths are relative to that file."""

    database = option.Type(str, default=DEFAULT_DATABASE)
    as_of = option.Optional(option.Type(str))
    reports = option.ListOfItems(option.Choice(REPORTS), default=list(REPORTS))
    cache = option.Type(str, default=".cache/glassalpha/reports")


class PortalPlugin(BasePlugin[PortalConfig]):  # type: ignore[no-untyped-call]
    """Puts the generated pages, their assets and downloads beside the authored ones."""

    @event_priority(50)
    def on_config(self, config: MkDocsConfig) -> MkDocsConfig:
        """Make the site one that reads from a folder and asks no other host for anything."""
        config.use_directory_urls = False
        config.theme["font"] = False
        config.theme.dirs.insert(0, str(THEME))
        config.extra["generator"] = False
        # The search runs in a worker, which a browser refuses to a page opened from a folder: this stands in for it.
        config.extra.setdefault("polyfills", []).append(f"{PLACE}/iframe-worker.js")
        config.extra_css.append(f"{PLACE}/portal.css")
        config.extra_javascript.append(f"{PLACE}/portal.js")
        if not config.site_url:
            # Both hold addresses from the top of a host: where the site does not lie there, they lead nowhere.
            config.theme.static_templates -= {"sitemap.xml", "404.html"}
        return config

    def on_pre_build(self, *, config: MkDocsConfig) -> None:
        """Make the pages before MkDocs empties the folder of the site: a registry that cannot be read costs no site."""
        try:
            self.portfolio = self._read(config)
            self.made = site.site(self.portfolio)
        except UserError as error:
            raise PluginError(str(error)) from error

    def on_files(self, files: Files, config: MkDocsConfig) -> Files:
        """Add every page and download that the registry gives."""
        portfolio, made = self.portfolio, self.made
        raw = files.get_file_from_path("sitemap.xml")
        if raw and not config.site_url and raw.src_dir != config.docs_dir:
            files.remove(raw)
        self.pages = {path: page for path, page in made.items() if isinstance(page, Page)}
        config.copyright = site.footer(portfolio)
        self.as_of = portfolio.as_of
        self.shells: dict[int, list[str]] = {}
        self.palette = ""
        for path, content in made.items():
            if files.get_file_from_path(path) is not None:
                raise PluginError(
                    f"{path} is in {config.docs_dir}, and the portal makes a page of that name: rename yours."
                )
            text = "" if isinstance(content, Page) else content
            files.append(File.generated(config, path, content=text, inclusion=InclusionLevel.NOT_IN_NAV))
        for model in portfolio.models:
            for kind in self.config.reports:
                made_at = str(self._report(model, kind, config))
                files.append(File.generated(config, f"{model.folder}/report.{kind}", abs_src_path=made_at))
        for asset in (*sorted(ASSETS.iterdir()), PLOTLY):
            files.append(File.generated(config, f"{PLACE}/{asset.name}", abs_src_path=str(asset)))
        return files

    def on_env(self, env: Environment, *, config: MkDocsConfig, files: Files) -> Environment:
        """Templates do not change during a build: look at each file once, not once a page."""
        env.auto_reload = False
        return env

    def on_page_content(self, content: str, *, page: MkDocsPage, config: MkDocsConfig, files: Files) -> str:
        """Hand over the finished body of a generated page; the search is told about it separately."""
        page.update_date = self.as_of
        made = self.pages.get(page.file.src_uri)
        if made is None:
            return content
        page.meta["search"] = {"exclude": True}
        page.toc = get_toc([{"level": 1, "id": "content", "name": "", "children": []}])
        depth = page.file.src_uri.count("/")
        shared = depth >= SHARED_DEPTH
        page.meta["template"] = "blank.html" if shared and depth in self.shells else "glassalpha.html"
        page.meta["title"] = TITLE if shared else html.escape(made.title)
        self.shells.setdefault(depth, [])
        return BODY if shared else made.body

    def on_post_page(self, output: str, *, page: MkDocsPage, config: MkDocsConfig) -> str:
        """Put a generated page into the frame that all pages of its depth share, without what a browser does not need.

        Material renders the frame once for each depth below the pages of the navigation: it takes longer than a body.
        """
        made, depth = self.pages.get(page.file.src_uri), page.file.src_uri.count("/")
        if made is None or depth < SHARED_DEPTH:
            return compact(output)
        if not self.shells[depth]:
            frame, inline = compact(TABS.sub("", output)), f'<script src="{"../" * depth}{PLACE}/palette.js"></script>'
            self.palette = (PALETTE.findall(frame) or [""])[0]
            self.shells[depth] = re.split(f"({TITLE}|{BODY})", PALETTE.sub(inline, frame))
        filled = {TITLE: html.escape(made.title), BODY: made.body}
        return "".join(filled.get(part, part) for part in self.shells[depth])

    @event_priority(-50)
    def on_post_build(self, *, config: MkDocsConfig) -> None:
        """Add the generated pages to the search index, and keep it as a script too, which a folder can load."""
        if self.palette:
            (Path(config.site_dir) / PLACE / "palette.js").write_text(self.palette, encoding="utf-8")
        place = Path(config.site_dir) / "search"
        if not (place / "search_index.json").is_file():
            return
        index = json.loads((place / "search_index.json").read_text(encoding="utf-8"))
        index["docs"] += [_search_entry(path, page) for path, page in self.pages.items()]
        text = json.dumps(index, separators=(",", ":"))
        (place / "search_index.json").write_text(text, encoding="utf-8")
        (place / "search_index.js").write_text(f"var __index = {text}", encoding="utf-8")

    def _read(self, config: MkDocsConfig) -> Portfolio:
        database = self.config.database
        if "://" not in database:
            database = str(_folder(config) / database)
        names = tuple(f"report.{kind}" for kind in self.config.reports)
        with registry.connect(database) as opened:
            return reading.read_portfolio(opened, self.config.as_of, version("glassalpha-action"), names)

    def _report(self, model: Model, kind: str, config: MkDocsConfig) -> Path:
        """The report, made once for an audit and kept as long as the code that makes it stays the same."""
        place = _folder(config) / self.config.cache / _renderer() / f"{model.audit.audit_id}.{kind}"
        if not place.is_file():
            place.parent.mkdir(parents=True, exist_ok=True)
            part = place.with_name(f"{place.name}.{os.getpid()}")
            made = report.render_pdf(model.audit) if kind == "pdf" else report.render_html(model.audit).encode()
            part.write_bytes(made)
            part.replace(place)
        return place


def _folder(config: MkDocsConfig) -> Path:
    return Path(config.config_file_path).resolve().parent if config.config_file_path else Path.cwd()


def _search_entry(path: str, page: Page) -> dict[str, Any]:
    location = path.removesuffix(".md") + ".html"
    return {"location": location, "title": html.escape(page.title), "text": html.escape(page.search)}


def _renderer() -> str:
    """A digest of everything a report is made by, as the name of a folder."""
    from glassalpha_action import shipped

    digest = hashlib.sha256(version("weasyprint").encode())
    for root in (REPORT, shipped.templates() / "report"):
        for file in sorted(path for path in root.rglob("*") if path.is_file() and path.suffix != ".pyc"):
            digest.update(file.read_bytes())
    return digest.hexdigest()[:16]
