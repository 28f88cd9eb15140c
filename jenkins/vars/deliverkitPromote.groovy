// Opens the promotion of the packaged release and gives its id at once, without driving it: from here on an abort of the
// build knows what to abort. deliverkitStage drives it.
String call(Map settings) {
    deliverkit.refuseUnknown('deliverkitPromote', settings, ['env', 'release', 'onBehalfOf', 'on', 'command', 'version'])
    if (!settings.env) {
        error "deliverkitPromote needs the environment: deliverkitPromote(env: 'production')"
    }
    String release = settings.release ?: env.DELIVERKIT_RELEASE
    if (!release) {
        error "deliverkitPromote knows no release: call deliverkitPackage before it, or give it release: '1.0.7'"
    }
    env.DELIVERKIT_PLAN = ''  // what was approved of an earlier promotion of this build
    List words = ['promote', release, '--to', settings.env, '--detach']
    // Whoever started the build asked for the promotion; a push or a timer is nobody.
    String person = settings.containsKey('onBehalfOf') ? settings.onBehalfOf : deliverkit.starter()
    if (person) {
        words += ['--on-behalf-of=' + person]
    }
    Map ran = deliverkit(settings.subMap(['on', 'command', 'version']), words)
    if (!ran.json) {
        return null  // nothing was opened, and `on` lets the build go on all the same
    }
    env.DELIVERKIT_PROMOTION = ran.json.promotion
    return ran.json.promotion
}
