"""Definitions of jobs: what Jenkins does to one is ignored, everything else is seen, and no text does harm."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deliverkit.domain.job_definition import compared, fault_in_name
from deliverkit.domain.job_diff import difference
from deliverkit.domain.job_xml import DEEPEST, LARGEST, Element, canonical, merged, parse, write
from deliverkit.errors import UsageError

FIELDS = st.sampled_from(["description", "spec", "url", "scriptPath", "definition", "credentialsId", "numToKeep"])
CLASSES = st.sampled_from(["hudson.tasks.Shell", "jenkins.plugins.git.traits.TagDiscoveryTrait", "Maven", "string"])
TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Co", "Cn"))) | st.sampled_from(
    ["true", "<a> & \"b\" 'c'", "]]>", "two\nlines\n", "\ttab", "  spaces  ", "Käse 🧀", "a\rb", "\U000f001b"]
)
ATTRIBUTES = st.dictionaries(st.sampled_from(["class", "reference"]), TEXTS, max_size=2).map(
    lambda it: tuple(it.items())
)


def leaves() -> st.SearchStrategy[Element]:
    return st.builds(Element, FIELDS | CLASSES, ATTRIBUTES, TEXTS.map(lambda it: it if it.strip() else ""))


def parents(inside: st.SearchStrategy[Element]) -> st.SearchStrategy[Element]:
    return st.builds(
        lambda name, attributes, children: Element(name, attributes, "", tuple(children)),
        FIELDS | CLASSES,
        ATTRIBUTES,
        st.lists(inside, min_size=1, max_size=4),
    )


ELEMENTS = st.recursive(leaves(), parents, max_leaves=12)
ROOTS = st.lists(ELEMENTS, max_size=4).map(lambda children: Element("project", (), "", tuple(children)))
NOISE = [
    Element("keepDependencies", (), "false"),
    Element("disabled", (), "false"),
    Element("triggers"),
    Element("submoduleCfg", (("class", "empty-list"),)),
    Element("scm", (("class", "hudson.scm.NullSCM"),)),
]


@st.composite
def rewritten(draw: st.DrawFn, element: Element) -> Element:
    """The element as Jenkins might write it: other order of fields, versions of plugins, fields that say nothing."""
    children = [draw(rewritten(each)) for each in element.children]
    if children or not element.text:
        children += draw(st.lists(st.sampled_from(NOISE), max_size=2))
    fields = [each for each in children if each.name[0].islower() and "." not in each.name and each.name != "string"]
    items = [each for each in children if each not in fields]
    # Fields of one name are a list without a name of its own: they stay in their order.
    names = draw(st.permutations(sorted({each.name for each in fields})))
    children = [each for name in names for each in fields if each.name == name] + items
    attributes = draw(st.permutations((*element.attributes, ("plugin", draw(st.sampled_from(["git@5.2", "git"]))))))
    return Element(element.name, tuple(attributes), element.text, tuple(children))


@settings(max_examples=40)
@given(ROOTS)
def test_what_is_written_is_read_again(root: Element) -> None:
    assert parse(write(root), "it") == root


@settings(max_examples=40)
@given(ROOTS)
def test_the_canonical_form_is_its_own(root: Element) -> None:
    assert canonical(canonical(root)) == canonical(root)


@settings(max_examples=40)
@given(st.data(), ROOTS)
def test_what_jenkins_does_to_a_definition_is_no_difference(data: st.DataObject, root: Element) -> None:
    server = parse(write(data.draw(rewritten(root))), "the server's")
    assert difference("j", root, server) == ()


def places(element: Element, path: tuple[int, ...] = ()) -> list[tuple[int, ...]]:
    return [path, *(found for n, each in enumerate(element.children) for found in places(each, (*path, n)))]


def changed(element: Element, path: tuple[int, ...], change: object) -> Element:
    if not path:
        return change(element)  # type: ignore[operator, no-any-return]
    children = list(element.children)
    children[path[0]] = changed(children[path[0]], path[1:], change)
    return replace(element, children=tuple(children))


@settings(max_examples=60)
@given(st.data(), ROOTS)
def test_every_other_text_and_attribute_is_a_difference(data: st.DataObject, root: Element) -> None:
    path = data.draw(st.sampled_from(places(root)))
    other = data.draw(
        st.sampled_from(
            [
                lambda it: replace(it, text=f"{it.text}!"),
                lambda it: replace(it, attributes=(*it.attributes, ("resolves-to", "x"))),
                lambda it: replace(it, children=(*it.children, Element("hudson.triggers.SCMTrigger"))),
                lambda it: replace(it, children=(*it.children, Element("disabled", (), "true"))),
                lambda it: replace(it, children=(*it.children, Element("string"))),
            ]
        )
    )
    changed_root = changed(root, path, other)
    lines = difference("j", changed_root, root)
    assert lines
    assert any(line.startswith("+") and not line.startswith("+++") for line in lines)
    assert difference("j", root, changed_root)


def test_the_order_of_a_list_is_a_difference() -> None:
    shell = [Element("hudson.tasks.Shell", (), "", (Element("command", (), text),)) for text in ("make", "make test")]
    first, second = Element("project", (), "", tuple(shell)), Element("project", (), "", tuple(reversed(shell)))
    assert difference("j", first, second)
    choices = [Element("string", (), text) for text in ("", "dev", "prod")]
    lists = [Element("choices", (), "", tuple(each)) for each in (choices, choices[1:], choices[::-1])]
    assert len({canonical(Element("project", (), "", (each,))) for each in lists}) == 3


@pytest.mark.parametrize(
    ("file", "server"),
    [
        ("<p><a>x</a></p>", "<?xml version='1.1' encoding='UTF-8'?>\n<p plugin='b@1.2'>\n  <a>x</a>\n</p>\n"),
        ("<p><a><![CDATA[x < y && z]]></a></p>", "<p><a>x &lt; y &amp;&amp; z</a></p>"),
        ("<p><a>it's &#228;</a></p>", "<p><a>it&apos;s ä</a></p>"),
        ("<p><!-- why --><a/></p>", "<p/>"),
        ("<p><s>a\nb</s></p>", "<p><s>a&#xd;\nb</s></p>"),
        ("<p><s>a\r\nb</s></p>", "<p><s>a\nb</s></p>"),
        ("\ufeff<p><a>1</a></p>", "<p><a>1</a></p>"),
        ("<p><x.y_z>1</x.y_z></p>", "<p><x.y__z>1</x.y__z></p>"),
        ("<p><a>red &#x1b;[31m</a></p>", "<?xml version='1.1'?><p><a>red &#27;[31m</a></p>"),
        ("<p><actions><old/></actions></p>", "<p><actions><hudson.New>1</hudson.New></actions></p>"),
        # The first build sets again what its Jenkinsfile says, and what is set comes last.
        ("<p><properties><a.A/><b.B>1</b.B></properties></p>", "<p><properties><b.B>1</b.B><a.A/></properties></p>"),
        ("<p/>", "<p><folderViews class='x'><views><v.V/></views></folderViews><icon class='i'/></p>"),
    ],
)
def test_one_meaning_in_two_spellings(file: str, server: str) -> None:
    assert difference("p", parse(file, "file"), parse(server, "server")) == ()


@pytest.mark.parametrize(
    ("file", "server"),
    [
        # `false` is a text, too: a shell command, and what a parameter is by default.
        ("<p><h.Shell><command>false</command></h.Shell></p>", "<p><h.Shell/></p>"),
        ("<p><h.String><defaultValue>false</defaultValue></h.String></p>", "<p><h.String/></p>"),
        # What plugins take for true when it is missing (readResolve).
        ("<p><caseSensitive>false</caseSensitive></p>", "<p/>"),
        ("<p><disabled>true</disabled></p>", "<p/>"),
        ("<p><authToken>x</authToken></p>", "<p/>"),
        ("<p><jenkins.plugins.git.traits.TagDiscoveryTrait/></p>", "<p/>"),
        ("<p><s> x</s></p>", "<p><s>x</s></p>"),
        ("<p><s class='a'/></p>", "<p/>"),
    ],
)
def test_what_is_no_noise(file: str, server: str) -> None:
    assert difference("p", parse(file, "file"), parse(server, "server"))
    assert difference("p", parse(server, "file"), parse(file, "server"))


TRACKED = """<p><actions>
  <org.jenkinsci.plugins.pipeline.modeldefinition.actions.DeclarativeJobPropertyTrackerAction plugin="x@1">
    <jobProperties><string>a.DisableConcurrent</string></jobProperties><triggers/><parameters/><options/>
  </org.jenkinsci.plugins.pipeline.modeldefinition.actions.DeclarativeJobPropertyTrackerAction>
</actions><properties>%s</properties></p>"""


def test_what_the_jenkinsfile_has_set_stays_and_is_no_difference() -> None:
    server = parse(TRACKED % "<a.DisableConcurrent/>", "server")
    assert difference("p", parse("<p/>", "file"), server) == ()
    wanted = merged(parse("<p><description>new</description></p>", "file"), server)
    assert [each.name for each in (wanted.child("properties") or Element("")).children] == ["a.DisableConcurrent"]
    assert wanted.child("actions") == server.child("actions")


def test_a_property_that_nobody_has_noted_is_a_difference() -> None:
    server = parse(TRACKED % "<a.DisableConcurrent/><b.AuthToken/>", "server")
    lines = difference("p", parse("<p/>", "file"), server)
    assert [line.strip("- ") for line in lines if line.startswith("-") and "---" not in line] == ["<b.AuthToken/>"]


def test_a_changed_secret_is_seen_to_change_and_not_shown() -> None:
    texts = [
        f"<p><apiToken>{{AQAAABAAAAAQ{each * 20}=}}</apiToken><url>https://bot:{each}pw@git/x</url></p>"
        for each in "ab"
    ]
    multi = "<p><privateKey>-----BEGIN\nKEY %s</privateKey></p>"
    lines = difference("p", parse(texts[0], "file"), parse(texts[1], "server"))
    lines += difference("p", parse(multi % "one", "file"), parse(multi % "two", "server"))
    shown = "\n".join(lines)
    assert "-  <apiToken>***</apiToken>" in lines
    assert "+  <apiToken>***</apiToken>" in lines
    assert "+  <url>https://***@git/x</url>" in lines
    assert "-  <privateKey>***</privateKey>" in lines
    for secret in ("AQAA", "apw", "bpw", "KEY"):
        assert secret not in shown


def test_the_default_of_a_password_parameter_is_not_shown() -> None:
    parameter = (
        "<p><hudson.model.%sParameterDefinition><name>X</name><defaultValue>%s</defaultValue></hudson.model.%s%s>"
    )
    shown = [
        "\n".join(difference("p", parse(parameter % (kind, "s3same", kind, "ParameterDefinition") + "</p>", "f"), None))
        for kind in ("Password", "String")
    ]
    assert ["s3same" in each for each in shown] == [False, True]


def test_names_of_credentials_are_shown() -> None:
    [line] = [
        each for each in difference("p", parse("<p><credentialsId>git</credentialsId></p>", "f"), None) if "git" in each
    ]
    assert line == "+  <credentialsId>git</credentialsId>"


def test_scripts_are_shown_line_by_line() -> None:
    texts = [f"<p><script>node {{\n  echo '{each}'\n}}\n</script></p>" for each in ("old", "new")]
    lines = difference("p", parse(texts[1], "file"), parse(texts[0], "server"))
    assert lines[:2] == ("--- p (server)", "+++ p (file)")
    assert "-    |   echo 'old'" in lines
    assert "+    |   echo 'new'" in lines


BOMB = '<!DOCTYPE p [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;">]><p>&b;</p>'
OUTSIDE = '<?xml version="1.1"?>\n<!DOCTYPE p [<!ENTITY x SYSTEM "file:///etc/passwd">]>\n<p>&x;</p>'


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "it:1: not XML: no element found"),
        ("{}", "it:1: not XML: not well-formed"),
        ("<?xml version='1.1'?>\n<p>\n<a></p>", "it:3: not XML: mismatched tag"),
        ("<p>&nbsp;</p>", "it:1: not XML: undefined entity"),
        ("<p>\x00</p>", "it:1: not XML"),
        ("<p>\udcff</p>", "it:1: not XML"),
        (BOMB, "it:1: a document type declaration"),
        (OUTSIDE, "it:2: a document type declaration"),
        ("<?xml version='1.1' encoding='ISO-8859-1'?><p/>", "it declares the encoding ISO-8859-1"),
        ("<a>" * 100_000, f"it:1: more than {DEEPEST} elements"),
        (f"<a>{'x' * LARGEST}</a>", "it has 1,048,583 characters"),
    ],
)
def test_what_is_no_definition_is_refused_with_its_place(text: str, message: str) -> None:
    with pytest.raises(UsageError) as refused:
        parse(text, "it")
    assert refused.value.message.startswith(message)
    assert len(refused.value.message) < 200


def test_the_deepest_that_is_read() -> None:
    assert parse("<a>" * DEEPEST + "</a>" * DEEPEST, "it").name == "a"


@pytest.mark.parametrize(
    "text",
    [
        "<p><s>" + "<![CDATA[" * 100_000,
        "<p><s><![CDATA[" + "<" * 900_000 + "]]></s></p>",
        "<p><password><![CDATA[" + "<" * 900_000 + "]]></password></p>",
        "<p><s>" + "{AQ" * 300_000 + "</s></p>",
        "<p><s>" + "://a:b" * 150_000 + "</s></p>",
        "<p>" + "<a>1</a>" * 120_000 + "</p>",
        "<p><s>" + "line\n" * 200_000 + "</s></p>",
    ],
    ids=["sections", "angles", "secret", "braces", "addresses", "elements", "lines"],
)
def test_no_text_takes_longer_than_its_length(text: str) -> None:
    """With a step that is repeated for each character these would take minutes."""
    try:
        root = parse(text, "it")
    except UsageError:
        return
    other = parse("<p><s>other</s><t>x</t></p>", "other")
    assert len(difference("p", root, other)) > 3


@given(st.text(max_size=60) | st.binary(max_size=60).map(lambda it: it.decode("latin-1")))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        root = parse(text, "it")
    except UsageError:
        return
    assert parse(write(root), "again") == root


@pytest.mark.parametrize("name", ["storefront", "Käse 1", "a.b-c_d", "x" * 200, "发布"])
def test_good_names(name: str) -> None:
    assert fault_in_name(name) == ""


@pytest.mark.parametrize(
    "name", ["a/b", "a?", "a:b", "", " a", "a ", ".", "..", "a.", ".a", "a\nb", "a\u202eb", "ä" * 101]
)
def test_names_that_jenkins_does_not_take(name: str) -> None:
    assert fault_in_name(name).startswith("a name must not")


def test_names_that_are_the_same_to_jenkins() -> None:
    assert compared("Smoke") == compared("smoke")
    assert compared("Ka\u0308se") == compared("Käse")
