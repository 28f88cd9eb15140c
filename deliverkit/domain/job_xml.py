"""The XML that defines a job or folder, read safely and brought into a form of which two can be compared.

Jenkins rewrites what it is given: under an XML 1.1 header, with versions of its plugins, in its own order of fields,
and with every field that the file left out. What is ignored here is what that does to a definition, and nothing else.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from xml.parsers import expat
from xml.sax.saxutils import escape

from deliverkit.errors import UsageError

LARGEST = 1024 * 1024
"""Characters of a definition that are read; a job with a long script inside has some ten thousand."""
DEEPEST = 100
"""Elements within each other; Jenkins' own definitions have about ten."""
_OF_THE_SERVER = ("actions",)
"""What Jenkins notes about a job for itself (hudson.model.Actionable), such as what a Jenkinsfile has set."""
_UNLESS_STATED = ("folderViews", "healthMetrics", "icon", "primaryView", "views", "viewsTabBar")
"""What people set up for themselves, and Jenkins makes when it is missing (AbstractFolder.init)."""
_DECLARATION = re.compile(r"\A\ufeff?\s*<\?xml\b.*?\?>", re.DOTALL)
_ENCODING = re.compile(r"""encoding\s*=\s*['"]([^'"]*)['"]""")
_REFERENCE = re.compile("&#(?:x([0-9a-fA-F]{1,6})|([0-9]{1,7}));")
_SHIFT = 0xF0000
"""Control characters are allowed in XML 1.1 alone: they are read as characters for private use, and written back."""
_SHIFTED = re.compile(f"[{chr(_SHIFT)}-{chr(_SHIFT + 0x1F)}]")
_VALUES = {"boolean", "byte", "char", "double", "entry", "float", "int", "list", "long", "map", "null", "set", "string"}
"""Elements of a list or map that XStream gives a short name."""
_FLAGS = {
    *("abortBuilds", "abortPrevious", "allowEmptyArchive", "blockBuildWhenDownstreamBuilding"),
    *("blockBuildWhenUpstreamBuilding", "canRoam", "concurrentBuild", "disabled", "doGenerateSubmoduleConfigurations"),
    *("filterExecutors", "filterQueue", "fingerprint", "followSymlinks", "ignorePostCommitHooks", "keepDependencies"),
    *("lightweight", "nonRecursive", "onlyIfSuccessful", "removeLastBuild", "sandbox", "trim"),
}
"""Fields of Jenkins and of the plugins that all have which are false when they are missing, as XStream leaves them. Not
each field: `false` is a shell command as well, and some plugins take what is missing for true."""
_SETS = {"properties"}
"""Lists whose order means nothing: a job has one property of each class, and one that is set again comes last."""
_EMPTY_CLASSES = {
    "empty-list",
    "hudson.scm.NullSCM",
    "java.util.ArrayList",
    "java.util.Collections$EmptyList",
    "java.util.concurrent.CopyOnWriteArrayList",
    "linked-list",
    "list",
}


@dataclass(frozen=True, slots=True)
class Element:
    """An element of a definition.

    Attributes:
        name: Its name, as XStream spells it.
        attributes: Names with their values, in the order of the text.
        text: All text directly inside, line ends as newlines; empty when there is only indentation.
        children: The elements inside.
    """

    name: str
    attributes: tuple[tuple[str, str], ...] = ()
    text: str = ""
    children: tuple[Element, ...] = ()

    def child(self, name: str) -> Element | None:
        """The first element of that name inside."""
        return next((each for each in self.children if each.name == name), None)


def parse(xml: str, where: str) -> Element:
    """The root element of a definition.

    Args:
        xml: The text; a declaration of XML 1.1 is fine, which Python's parser refuses.
        where: What errors name it.

    Raises:
        UsageError: If it is no XML, or is larger or deeper than any definition, or declares entities: no definition has
            any, and a small text of them can stand for gigabytes or for files of the machine that reads it.
    """
    if len(xml) > LARGEST:
        raise UsageError(f"{where} has {len(xml):,} characters; a definition has {LARGEST:,} at most")
    return _Reader(where).read(_as_xml_10(xml, where))


def write(root: Element) -> str:
    """The text of a definition, as Jenkins itself would write it."""
    return "\n".join(("<?xml version='1.1' encoding='UTF-8'?>", *_written(root, ""), ""))


def merged(stated: Element, server: Element) -> Element:
    """What the server is to hold: what a file states, and what is the server's own business.

    That is what Jenkins notes about the job, the views and icons of a folder for which the file states none, and the
    properties that the job's Jenkinsfile has set (`options`, `triggers`, `parameters`) and the file does not mention.
    """
    children = tuple(each for each in stated.children if each.name not in _OF_THE_SERVER)
    named = {each.name for each in children}
    kept = [each for each in server.children if each.name in _OF_THE_SERVER]
    kept += [each for each in server.children if each.name in _UNLESS_STATED and each.name not in named]
    return _with_properties(replace(stated, children=(*kept, *children)), server)


def canonical(root: Element) -> Element:
    """The form in which two definitions that mean the same to Jenkins are equal.

    Without versions of plugins, with attributes and fields in alphabetical order, without fields that are empty, and
    without flags that are off. Elements of lists keep all their values, and their order unless it means nothing: a
    field's name has no dot and begins in lower case, an element of a list is named by its class.
    """
    children = [each for each in map(canonical, root.children) if not _is_nothing(each)]
    is_set = root.name in _SETS
    children.sort(key=lambda each: (0, each.name) if is_set or _is_field(each.name) else (1, ""))
    attributes = sorted((name, value) for name, value in root.attributes if name != "plugin")
    return Element(_respelled(root.name), tuple(attributes), root.text, tuple(children))


def _is_field(name: str) -> bool:
    return "." not in name and name[:1].islower() and name not in _VALUES


def _is_nothing(element: Element) -> bool:
    if not _is_field(element.name) or element.children:
        return False
    if not element.attributes:
        return element.text == "" or (element.text == "false" and element.name in _FLAGS)
    return element.text == "" and all(name == "class" and value in _EMPTY_CLASSES for name, value in element.attributes)


def _respelled(name: str) -> str:
    """XStream reads a single underscore in a name, and writes two (XmlFriendlyNameCoder)."""
    read = re.sub("__|_-", lambda found: "_" if found[0] == "__" else "$", name)
    return read.replace("_", "__").replace("$", "_-")


def _with_properties(stated: Element, server: Element) -> Element:
    theirs = server.child("properties")
    ours = stated.child("properties") or Element("properties")
    if theirs is None:
        return stated
    stated_names = {_respelled(each.name) for each in ours.children}
    set_by_jenkinsfile = _set_by_jenkinsfile(server) - stated_names
    kept = tuple(each for each in theirs.children if _respelled(each.name) in set_by_jenkinsfile)
    if not kept:
        return stated
    rest = tuple(each for each in stated.children if each.name != "properties")
    return replace(stated, children=(*rest, replace(ours, children=(*ours.children, *kept))))


def _set_by_jenkinsfile(server: Element) -> set[str]:
    """Classes of properties that a Jenkinsfile has set, as its plugins note them.

    Source: `DeclarativeJobPropertyTrackerAction` (pipeline-model-definition) and `JobPropertyTrackerAction`
    (workflow-multibranch, for the step `properties`).
    """
    found = set()
    for action in (server.child("actions") or Element("actions")).children:
        for listing in ("jobProperties", "jobPropertyDescriptors"):
            if action.name.endswith("JobPropertyTrackerAction"):
                found |= {_respelled(each.text) for each in (action.child(listing) or action).children if each.text}
        if action.name.endswith("DeclarativeJobPropertyTrackerAction"):
            if (action.child("triggers") or Element("")).children:
                found.add("org.jenkinsci.plugins.workflow.job.properties.PipelineTriggersJobProperty")
            if (action.child("parameters") or Element("")).children:
                found.add("hudson.model.ParametersDefinitionProperty")
    return found


def _as_xml_10(xml: str, where: str) -> str:
    declaration = _DECLARATION.match(xml)
    encoding = _ENCODING.search(declaration[0]) if declaration else None
    if encoding and encoding[1].upper() not in {"UTF-8", "UTF8", "US-ASCII"}:
        raise UsageError(f"{where} declares the encoding {encoding[1]}", hint="save it as UTF-8, as Jenkins does")
    # Lines keep their numbers.
    body = "\n" * declaration[0].count("\n") + xml[declaration.end() :] if declaration else xml.removeprefix("\ufeff")
    outside, *sections = body.split("<![CDATA[")
    parts = [section.partition("]]>") for section in sections]
    return _REFERENCE.sub(_shifted, outside) + "".join(
        f"<![CDATA[{inside}{end}{_REFERENCE.sub(_shifted, after)}" for inside, end, after in parts
    )


def _shifted(found: re.Match[str]) -> str:
    code = int(found[1], 16) if found[1] else int(found[2])
    return chr(_SHIFT + code) if 0 < code < 0x20 and code not in {0x09, 0x0A, 0x0D} else found[0]


def _written(element: Element, indent: str) -> list[str]:
    attributes = "".join(f' {name}="{_escaped(value, quote=True)}"' for name, value in element.attributes)
    head = f"{indent}<{element.name}{attributes}"
    if not element.children:
        return [f"{head}>{_escaped(element.text)}</{element.name}>" if element.text else f"{head}/>"]
    inside = [line for each in element.children for line in _written(each, f"{indent}  ")]
    return [f"{head}>{_escaped(element.text)}", *inside, f"{indent}</{element.name}>"]


def _escaped(text: str, *, quote: bool = False) -> str:
    entities = {"\r": "&#xd;"} | ({'"': "&quot;", "\n": "&#xa;", "\t": "&#x9;"} if quote else {})
    return _SHIFTED.sub(lambda found: f"&#x{ord(found[0]) - _SHIFT:x};", escape(text, entities))


class _Unfinished:
    """An element whose end has not been read."""

    __slots__ = ("attributes", "children", "name", "texts")

    def __init__(self, name: str, attributes: dict[str, str]) -> None:
        self.name = name
        self.attributes = attributes
        self.texts: list[str] = []
        self.children: list[Element] = []

    def finished(self) -> Element:
        text = "".join(self.texts).replace("\r\n", "\n")
        if not text.strip() and (self.children or "\n" in text):
            text = ""
        return Element(self.name, tuple(self.attributes.items()), text, tuple(self.children))


class _Reader:
    """Turns one text into elements."""

    def __init__(self, where: str) -> None:
        self._where = where
        self._open: list[_Unfinished] = [_Unfinished("", {})]
        self._parser = expat.ParserCreate("utf-8")
        self._parser.StartDoctypeDeclHandler = self._refuse_doctype
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.CharacterDataHandler = self._text

    def read(self, xml: str) -> Element:
        try:
            self._parser.Parse(xml.encode("utf-8", "surrogatepass"), True)
        except expat.ExpatError as error:
            reason = expat.ErrorString(error.code)
            raise UsageError(f"{self._where}:{error.lineno}: not XML: {reason}") from error
        return self._open[0].children[0]

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        if len(self._open) > DEEPEST:
            raise UsageError(f"{self._here}: more than {DEEPEST} elements within each other")
        self._open.append(_Unfinished(name, attributes))

    def _text(self, text: str) -> None:
        self._open[-1].texts.append(text)

    def _end(self, _name: str) -> None:
        element = self._open.pop().finished()
        self._open[-1].children.append(element)

    def _refuse_doctype(self, *_: object) -> None:
        raise UsageError(
            f"{self._here}: a document type declaration, which no definition of a job has",
            hint="remove <!DOCTYPE ...> with the entities that it declares",
        )

    @property
    def _here(self) -> str:
        return f"{self._where}:{self._parser.CurrentLineNumber}"
