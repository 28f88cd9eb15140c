// Packages the build as a release; gives its version, and keeps it for deliverkitPromote.
String call(Map settings = [:]) {
    deliverkit.refuseUnknown('deliverkitPackage', settings, ['path', 'on', 'command', 'version'])
    List words = settings.path ? ['package', settings.path] : ['package']
    Map ran = [:]
    // Jenkins tells a shell step nothing of why the build runs; the release's provenance keeps it.
    withEnv(['DELIVERKIT_CAUSE=' + deliverkit.cause()]) {
        ran = deliverkit(settings.subMap(['on', 'command', 'version']), words)
    }
    if (!ran.json || !ran.json.version) {
        // Whatever `on` says: a later promotion must not take the newest release, which is somebody else's.
        error 'deliverkit package gave no version: there is nothing to go on with'
    }
    env.DELIVERKIT_RELEASE = ran.json.version
    return ran.json.version
}
