// Drives the promotion until one of its stages is passed, and shows the gates' results as tests, however it ends.
Map call(Map settings = [:], String stage) {
    deliverkit.refuseUnknown('deliverkitStage', settings, [
        'promotion', 'plan', 'timeout', 'on', 'every', 'label', 'checkout', 'command', 'version'
    ])
    String promotion = deliverkit.promotion('deliverkitStage', settings)
    return deliverkitAgent(settings + [retries: 2]) {
        drive(settings, promotion, stage)
    }
}

Map drive(Map settings, String promotion, String stage) {
    String place = pwd(tmp: true)
    String report = fileName(stage)
    List words = ['wait', promotion, '--stage', stage, '--junit', place + '/' + report]
    String plan = settings.plan ?: env.DELIVERKIT_PLAN
    if (plan) {
        words += ['--plan', plan]  // what was approved; deliverkit refuses anything else
    }
    if (settings.timeout) {
        words += ['--timeout', settings.timeout]
    }
    Map tool = settings.subMap(['every', 'command', 'version'])
    // A report of an earlier build in this workspace must not count.
    tool += [remove: place + '/' + report, on: (settings.on ?: [:]) + [5: 'RETURN']]
    try {
        Map ran = deliverkit(tool, words)
        String waiting = deliverkit.outcomes(settings.on ?: [:])[5]
        while (ran.exitCode == 5 && waiting == 'AGAIN' && !asks(ran)) {
            sleep time: settings.every ?: 15, unit: 'SECONDS'
            ran = deliverkit(tool, words)
        }
        if (ran.exitCode == 5 && waiting != 'RETURN') {
            // Waiting for people here would hold the executor, and an abort of the wait would take production back.
            deliverkit.conclude(waiting == 'AGAIN' ? 'FAILURE' : waiting, waits(stage, words, ran))
        }
        return ran
    } finally {
        dir(place) {
            // A stage that ended before its first gate has no results; that must not hide why it ended.
            junit testResults: report, allowEmptyResults: true
        }
    }
}

String waits(String stage, List words, Map ran) {
    String told = deliverkit.reason(words, ran)
    if (asks(ran)) {
        told = "people have to answer ${ran.json.question.gate} first: deliverkitApproval(stage: '${stage}', ...) asks them. " + told
    }
    return told
}

// Whether it waits for people, who have not answered yet.
@NonCPS
boolean asks(Map ran) {
    return ran.json instanceof Map && ran.json.question != null && ran.json.question.answer == null
}

@NonCPS
String fileName(String stage) {
    return 'deliverkit-gates-' + stage.replaceAll('[^A-Za-z0-9_-]', '-') + '.xml'
}
