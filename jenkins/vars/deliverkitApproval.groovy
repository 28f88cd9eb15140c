// Asks release managers, without holding an executor, and records what they say under their name.
//
// The decision is bound to the promotion's plan, and so to one bundle digest: both are shown, and the plan is kept for
// deliverkitStage, which has nothing else deployed.
import org.jenkinsci.plugins.workflow.steps.FlowInterruptedException

void call(Map settings) {
    deliverkit.refuseUnknown('deliverkitApproval', settings, [
        'submitter', 'stage', 'promotion', 'profile', 'hours', 'lookEvery', 'reachHours', 'milestone', 'message', 'label', 'checkout',
        'on', 'command', 'version'
    ])
    if (!settings.submitter) {
        error 'deliverkitApproval needs submitter: without it everybody who may build could decide'
    }
    if (env.WORKSPACE) {
        echo 'deliverkitApproval holds this executor while people think: put it into a stage with `agent none`'
    }
    String promotion = deliverkit.promotion('deliverkitApproval', settings)
    boolean isBehind = settings.milestone != null
    Map seen = reach(settings, promotion)
    while (isOpen(seen)) {
        env.DELIVERKIT_PLAN = seen.plan_digest
        Map answer = ask(settings, promotion, seen)
        if (isBehind && said(answer, 'DECISION') == 'approve') {
            // Before it is recorded: what a newer build has superseded must not be approved any more.
            milestone settings.milestone
            isBehind = false
        }
        if (said(answer, 'RECORDED_BY')) {
            echo 'Recorded already, by ' + said(answer, 'RECORDED_BY')
        } else if (answer) {
            record(settings, promotion, seen, answer)
        }
        seen = look(settings, promotion, seen.question.number)
    }
    if (isRejected(seen)) {
        deliverkitAgent(settings + [retries: 2]) {
            // Ends the promotion, and the build with exit code 6 as configured.
            deliverkit(settings.subMap(['on', 'command', 'version']), ['wait', promotion])
        }
    } else if (isBehind) {
        milestone settings.milestone
    }
}

// Where the promotion stands, after having brought it as far as it gets without people when there is a stage to reach.
Map reach(Map settings, String promotion) {
    Map seen = [:]
    int hours = settings.reachHours ?: 4
    deliverkitAgent(settings + [retries: 2]) {
        // For a process that hangs; deliverkit's own limit comes first, and ends nothing.
        timeout(time: hours + 1, unit: 'HOURS') {
            List words = settings.stage ? ['wait', promotion, '--stage', settings.stage, '--timeout', hours + 'h'] : ['status', promotion]
            Map ran = deliverkit(patiently(settings, [5: 'RETURN']), words)
            seen = ran.json ?: [:]
            if (ran.exitCode == 5 && !seen.question) {
                // Somebody was faster, say, and it deploys already. deliverkitStage waits on, and tells of a question.
                echo "no question came up within ${hours} h: going on without one"
            }
            offer(settings, promotion, seen)
        }
    }
    return seen
}

// Where it stands after an answer. Another question is asked as well, unless it is one of a later stage.
Map look(Map settings, String promotion, Object number) {
    Map seen = [:]
    deliverkitAgent(settings + [retries: 2]) {
        timeout(time: 15, unit: 'MINUTES') {
            seen = deliverkit(patiently(settings, [:]), ['status', promotion]).json ?: [:]
            if (isOpen(seen) && seen.question.number == number) {
                offer(settings, promotion, seen)
            }
        }
    }
    return isOpen(seen) && seen.question.number != number && settings.stage ? reach(settings, promotion) : seen
}

// So that `deliverkit approve`, typed anywhere, also answers this build. Only a convenience: it may fail.
void offer(Map settings, String promotion, Map seen) {
    if (isOpen(seen)) {
        List words = ['jenkins', 'input', 'offer', promotion, '--question', seen.question.number, '--input', inputId(seen)]
        deliverkit(settings.subMap(['command', 'version']) + [on: deliverkit.everyCode('RETURN')], words)
    }
}

// What the ledger says while people are asked; what was known before when it cannot be read now.
Map glance(Map settings, String promotion, Map known) {
    Map seen = known
    try {
        deliverkitAgent(settings + [retries: 2]) {
            timeout(time: 15, unit: 'MINUTES') {
                Map quiet = settings.subMap(['command', 'version']) + [on: deliverkit.everyCode('RETURN')]
                seen = deliverkit(quiet, ['status', promotion]).json ?: known
            }
        }
    } catch (FlowInterruptedException interruption) {
        throw interruption
    } catch (Exception failure) {
        echo 'the ledger could not be read; asking on: ' + failure.getMessage()
    }
    return seen
}

// The answer to the question; an empty one when the ledger has it already.
//
// Jenkins may never be told of a decision at the command line: so the question is put anew now and then, and the ledger is
// looked at in between. The timeout of one such turn and somebody's abort are the same exception, of which the sandbox does
// not give the cause away: a turn that has lasted its time was ended by its timeout.
Map ask(Map settings, String promotion, Map seen) {
    long end = now() + (settings.hours ?: 24) * 3600000L
    while (true) {
        long begun = now()
        int turn = turnOf(end - begun, settings.lookEvery ?: 10)
        try {
            Object answer = null
            timeout(time: turn, unit: 'MILLISECONDS') {
                answer = put(settings, seen)
            }
            if (isAnswer(answer)) {
                return answer
            }
        } catch (FlowInterruptedException interruption) {
            if (now() - begun < turn - 5000) {
                throw interruption
            }
            Map told = glance(settings, promotion, seen)
            if (!isOpen(told) || told.question.number != seen.question.number) {
                return [:]
            }
            if (end - now() < 1000) {
                throw interruption
            }
        }
    }
}

// `proceedEmpty` lets the step return null, and a reason may be blank: neither is an answer.
Object put(Map settings, Map seen) {
    return input(
        id: inputId(seen),
        message: settings.message ?: question(seen),
        ok: 'Record my decision',
        submitter: settings.submitter,
        submitterParameter: 'APPROVER',
        parameters: [
            // A refusal is an answer, with a name and a reason; the Abort button ends the build instead, and looks the
            // same as a timeout. A hasty click must not approve: reject is first.
            choice(name: 'DECISION', choices: ['reject', 'approve'], description: 'Your decision'),
            string(name: 'REASON', defaultValue: '', description: 'Why; it is kept in the ledger'),
            string(name: 'RECORDED_BY', defaultValue: '', description: 'Leave empty: deliverkit fills it in')
        ]
    )
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
    deliverkitAgent(settings + [retries: 2]) {
        timeout(time: 1, unit: 'HOURS') {
            Map ran = deliverkit(patiently(settings, [6: 'RETURN']), words)
            if (ran.exitCode == 6) {
                echo said(answer, 'APPROVER') + ' may not decide this, or somebody else has rejected it; the lines above say which'
            }
        }
    }
}

// What is out of reach for a moment must not cost somebody's decision.
@NonCPS
Map patiently(Map settings, Map others) {
    return settings.subMap(['command', 'version']) + [every: 60, on: [8: 'AGAIN'] + (settings.on ?: [:]) + others]
}

@NonCPS
long now() {
    return System.currentTimeMillis()
}

// How long one turn asks: `minutes`, or what is left, in milliseconds.
@NonCPS
int turnOf(long left, int minutes) {
    long whole = minutes * 60000L
    long shorter = left < whole ? left : whole
    return (int) (shorter < 1000 ? 1000 : shorter)
}

// Whether a question still needs an answer. An answered one stays open until somebody drives the promotion on.
@NonCPS
boolean isOpen(Map seen) {
    return seen.question != null && seen.question.answer == null
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
