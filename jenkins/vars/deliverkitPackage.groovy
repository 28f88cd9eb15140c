// Packages the build as a release; gives its version, and keeps it for deliverkitPromote.
String call(Map settings = [:]) {
    deliverkit.refuseUnknown('deliverkitPackage', settings, ['path', 'on', 'command', 'version'])
    List words = settings.path ? ['package', settings.path] : ['package']
    Map ran = deliverkit(settings.subMap(['on', 'command', 'version']), words)
    env.DELIVERKIT_RELEASE = ran.json.version
    return ran.json.version
}
