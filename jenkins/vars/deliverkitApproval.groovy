// Asks release managers, without holding an executor, and records what they say under their name.
//
// The decision is bound to the promotion's plan, and so to one bundle digest: both are shown, and the plan is kept for
// deliverkitStage, which has nothing else deployed.
void call(Map settings) {
    deliverkit.refuseUnknown('deliverkitApproval', settings, [
        'submitter', 'stage', 'promotion', 'profile', 'hours', 'message', 'label', 'checkout', 'on', 'command', 'version'
    ])
    if (!settings.submitter) {
        error 'deliverkitApproval needs submitter: without it everybody who may build could decide'
    }
    if (env.WORKSPACE) {
        echo 'deliverkitApproval holds this executor while people think: put it into a stage with `agent none`'
    }
    String promotion = deliverkit.promotion('deliverkitApproval', settings)
    Map seen = look(settings, promotion, settings.stage)
    Object number = seen.question ? seen.question.number : null
    while (isOpen(seen, number)) {
        env.DELIVERKIT_PLAN = seen.plan_digest
        Map answer = ask(settings, seen)
        if (said(answer, 'RECORDED_BY')) {
            echo 'Recorded already, by ' + said(answer, 'RECORDED_BY')
        } else {
            record(settings, promotion, seen, answer)
        }
        seen = look(settings, promotion, null)
    }
    if (isRejected(seen)) {
        deliverkitAgent(settings) {
            // Ends the promotion, and the build with exit code 6 as configured.
            deliverkit(settings.subMap(['on', 'command', 'version']), ['wait', promotion])
        }
    }
}

// Where the promotion stands, after having brought it as far as it gets without people when there is a stage to reach.
Map look(Map settings, String promotion, String stage) {
    Map seen = [:]
    deliverkitAgent(settings) {
        Map tool = settings.subMap(['command', 'version'])
        Map ran
        if (stage) {
            ran = deliverkit(tool + [on: (settings.on ?: [:]) + [5: 'RETURN']], ['wait', promotion, '--stage', stage])
        } else {
            ran = deliverkit(tool, ['status', promotion])
        }
        seen = ran.json ?: [:]
        if (seen.question && seen.question.answer == null) {
            // So that `deliverkit approve`, typed anywhere, also answers this build. Only a convenience: it may fail.
            List words = ['jenkins', 'input', 'offer', promotion, '--question', seen.question.number, '--input', inputId(seen)]
            deliverkit(tool + [on: [1: 'RETURN', 2: 'RETURN', 6: 'RETURN', 7: 'RETURN', 8: 'RETURN', 9: 'RETURN', 70: 'RETURN']], words)
        }
    }
    return seen
}

// The question, until it has an answer. `proceedEmpty` lets the step return null, and a reason may be blank: neither is
// an answer.
Map ask(Map settings, Map seen) {
    Object answer = null
    while (!isAnswer(answer)) {
        timeout(time: settings.hours ?: 24, unit: 'HOURS') {
            answer = input(
                id: inputId(seen),
                message: settings.message ?: question(seen),
                ok: 'Record my decision',
                submitter: settings.submitter,
                submitterParameter: 'APPROVER',
                parameters: [
                    // A refusal is an answer, with a name and a reason; the Abort button ends the build instead, and looks
                    // the same as a timeout. A hasty click must not approve: reject is first.
                    choice(name: 'DECISION', choices: ['reject', 'approve'], description: 'Your decision'),
                    string(name: 'REASON', defaultValue: '', description: 'Why; it is kept in the ledger'),
                    string(name: 'RECORDED_BY', defaultValue: '', description: 'Leave empty: deliverkit fills it in')
                ]
            )
        }
    }
    return answer
}

void record(Map settings, String promotion, Map seen, Map answer) {
    String decision = answer.DECISION == 'approve' ? 'approve' : 'reject'
    // Each text in one word with its option: one that begins with a dash must not be read as an option.
    List words = [
        decision, promotion, '--gate', seen.question.gate, '--question', seen.question.number, '--plan', seen.plan_digest,
        '--reason=' + said(answer, 'REASON'), '--on-behalf-of=' + said(answer, 'APPROVER'), '--via=' + (env.BUILD_URL ?: env.BUILD_TAG)
    ]
    if (settings.profile) {
        words += ['--profile', settings.profile]
    }
    deliverkitAgent(settings) {
        Map ran = deliverkit(settings.subMap(['command', 'version']) + [on: (settings.on ?: [:]) + [6: 'RETURN']], words)
        if (ran.exitCode == 6) {
            echo said(answer, 'APPROVER') + ' may not decide this, or somebody else has rejected it; the lines above say which'
        }
    }
}

// Whether this very question still needs an answer. An answered one stays open until somebody drives the promotion on.
@NonCPS
boolean isOpen(Map seen, Object number) {
    return seen.question != null && seen.question.number == number && seen.question.answer == null
}

@NonCPS
boolean isRejected(Map seen) {
    return seen.exit_code == 6 || (seen.question != null && seen.question.answer == 'rejected')
}

@NonCPS
boolean isAnswer(Object answer) {
    if (!(answer instanceof Map)) {
        return false
    }
    return said(answer, 'RECORDED_BY') || (said(answer, 'DECISION') && said(answer, 'REASON') && said(answer, 'APPROVER'))
}

@NonCPS
String said(Map answer, String name) {
    String text = answer.get(name) == null ? '' : "${answer.get(name)}"
    return text.trim()
}

// Jenkins puts a first letter in lower case into upper case in its addresses, so it begins with one.
@NonCPS
String inputId(Map seen) {
    String gate = seen.question.gate
    return 'Gate-' + gate.replaceAll('[^A-Za-z0-9]', '-') + '-' + seen.question.number
}

@NonCPS
String question(Map seen) {
    return "Shall ${seen.release.version} go on to ${seen.question.gate}?\n" +
        "bundle ${seen.release.digest}\nplan ${seen.plan_digest}\npromotion ${seen.promotion}, question ${seen.question.number}"
}
