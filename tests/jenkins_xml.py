"""What a controller does to the XML that it is given, and reads in it; for the controller of tests.

As seen on definitions that Jenkins 2.4xx and its plugins have written: the header of XML 1.1, versions of plugins,
fields that were left out, no comments, no CDATA, and no entity but those that XStream writes.
"""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET
from xml.sax.saxutils import escape

FOLDER = "com.cloudbees.hudson.plugins.folder.Folder"
MULTIBRANCH = "org.jenkinsci.plugins.workflow.multibranch.WorkflowMultiBranchProject"
_ESCAPE = "\ue01b"
"""Stands for the control character of colours, which XML 1.1 can name and Python's parser cannot read."""
_ENTITIES = {"'": "&apos;", '"': "&quot;", "\r": "&#xd;", _ESCAPE: "&#x1b;"}
_PLUGINS = {
    "com.cloudbees.hudson.plugins.folder": "cloudbees-folder@6.955.v81e2a_35c08d3",
    "flow-definition": "workflow-job@1436.vfa_244484591f",
    "hudson.plugins.git": "git@5.5.2",
    "jenkins.branch": "branch-api@2.1178.v969d9eb_c728e",
    "jenkins.plugins.git": "git@5.5.2",
    "org.jenkinsci.plugins.matrixauth": "matrix-auth@3.2.2",
    "org.jenkinsci.plugins.workflow.cps": "workflow-cps@4009.v0089238351a_9",
    "org.jenkinsci.plugins.workflow.multibranch": "workflow-multibranch@795.ve0cb_1f45ca_9a_",
}
_LEFT_OUT = {
    "flow-definition": "<actions/><description/><keepDependencies>false</keepDependencies><properties/><triggers/>"
    "<disabled>false</disabled>",
    "project": '<actions/><description/><keepDependencies>false</keepDependencies><properties/><scm class="hudson.scm.'
    'NullSCM"/><disabled>false</disabled><triggers/><builders/><publishers/><buildWrappers/>',
    FOLDER: '<actions/><properties/><folderViews class="com.cloudbees.hudson.plugins.folder.views.'
    f'DefaultFolderViewHolder"><views><hudson.model.AllView><owner class="{FOLDER}" reference="../../../.."/>'
    "<name>All</name><filterExecutors>false</filterExecutors></hudson.model.AllView></views></folderViews>"
    "<healthMetrics/>"
    '<icon class="com.cloudbees.hudson.plugins.folder.icons.StockFolderIcon"/>',
    MULTIBRANCH: "<actions/><properties/><healthMetrics/><triggers/><disabled>false</disabled>",
}
_FIRST = ("actions", "description", "displayName", "keepDependencies", "properties")


def read(xml: str) -> ET.Element:
    """The root element.

    Raises:
        ET.ParseError: If it is no XML.
    """
    body = re.sub(r"\A\s*<\?xml.*?\?>", "", xml, flags=re.DOTALL)
    return ET.fromstring(body.replace("&#x1b;", _ESCAPE))


def kept(xml: str) -> str:
    """A definition as the controller hands it out after it has taken it.

    Raises:
        ET.ParseError: If it is no XML.
    """
    root = read(xml)
    for missing in ET.fromstring(f"<x>{_LEFT_OUT.get(root.tag, '')}</x>"):
        if root.find(missing.tag) is None:
            root.append(missing)
    places = {name: place for place, name in enumerate(_FIRST)}
    root[:] = sorted(root, key=lambda each: places.get(each.tag, len(places)))
    return "<?xml version='1.1' encoding='UTF-8'?>\n" + "\n".join(_written(root, "", "")) + "\n"


def parameters(xml: str) -> tuple[str, ...] | None:
    """Names of the parameters that a job declares; None when it takes none."""
    found = [each.findtext("name") or "" for each in read(xml).iterfind(".//parameterDefinitions/*")]
    return tuple(found) or None


def _written(element: ET.Element, indent: str, plugin: str) -> list[str]:
    attributes = dict(element.attrib)
    name = attributes.get("class", element.tag)
    of = next((version for package, version in _PLUGINS.items() if name.startswith(package)), "")
    if of and of != plugin:
        attributes["plugin"] = of
    shown = "".join(f' {key}="{escape(value, _ENTITIES)}"' for key, value in attributes.items())
    text = element.text or ""
    if len(element):
        inside = [line for each in element for line in _written(each, f"{indent}  ", of or plugin)]
        return [f"{indent}<{element.tag}{shown}>", *inside, f"{indent}</{element.tag}>"]
    if not text:
        return [f"{indent}<{element.tag}{shown}/>"]
    return [f"{indent}<{element.tag}{shown}>{escape(text, _ENTITIES)}</{element.tag}>"]
