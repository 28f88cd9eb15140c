// Drives the promotion until one of its stages is passed, and shows the gates' results as tests, however it ends.
Map call(Map settings = [:], String stage) {
    deliverkit.refuseUnknown('deliverkitStage', settings, ['promotion', 'plan', 'timeout', 'on', 'every', 'command', 'version'])
    String place = pwd(tmp: true)
    String report = fileName(stage)
    List words = ['wait', deliverkit.promotion('deliverkitStage', settings), '--stage', stage, '--junit', place + '/' + report]
    String plan = settings.plan ?: env.DELIVERKIT_PLAN
    if (plan) {
        words += ['--plan', plan]  // what was approved; deliverkit refuses anything else
    }
    if (settings.timeout) {
        words += ['--timeout', settings.timeout]
    }
    try {
        // A report of an earlier build in this workspace must not count.
        return deliverkit(settings.subMap(['on', 'every', 'command', 'version']) + [remove: place + '/' + report], words)
    } finally {
        dir(place) {
            // A stage that ended before its first gate has no results; that must not hide why it ended.
            junit testResults: report, allowEmptyResults: true
        }
    }
}

@NonCPS
String fileName(String stage) {
    return 'deliverkit-gates-' + stage.replaceAll('[^A-Za-z0-9_-]', '-') + '.xml'
}
