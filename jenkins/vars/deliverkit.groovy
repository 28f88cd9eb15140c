// Runs any deliverkit command on the agent and turns its exit code into the build's result. deliverkit.txt is its help.
//
// Glue only: what happens to a release is decided by deliverkit, never here. The methods marked @NonCPS call no step
// and keep nothing; all others hold only texts, numbers, lists and maps, which survive a restart of the controller.
import groovy.json.JsonSlurper

// The version that is installed where an agent has none, and the library's own.
String version() {
    return '0.1.0'
}

Map call(List args) {
    return call([args: args])
}

Map call(Map settings, List args) {
    return call(settings + [args: args])
}

Map call(Map settings) {
    refuseUnknown('deliverkit', settings, ['args', 'on', 'text', 'command', 'version', 'remove', 'every'])
    String problem = problemWith(settings.args, settings.on ?: [:])
    if (problem) {
        error problem
    }
    List words = texts(settings.args)
    Map configured = outcomes(settings.on ?: [:])
    boolean isPatient = configured[5] == 'AGAIN'
    int failures = 0
    while (true) {
        Map ran = attempt(settings, words)
        String outcome = configured[ran.exitCode] ?: 'FAILURE'
        int allowed = patience(ran.exitCode)
        failures = allowed > 0 ? failures + 1 : 0
        List next = outcome == 'AGAIN' && failures <= allowed ? again(words, ran.json, isPatient) : []
        if (outcome == 'RETURN') {
            return ran
        }
        if (!next) {
            conclude(outcome, reason(words, ran))
            return ran
        }
        echo reason(words, ran) + '; attaching again'
        sleep time: settings.every ?: 15, unit: 'SECONDS'
        words = next
    }
}

// Ends the build, or marks it, as configured; 'AGAIN' comes here when there is nothing to attach to.
void conclude(String outcome, String reason) {
    if (outcome == 'UNSTABLE') {
        unstable reason
        return
    }
    if (outcome == 'NOT_BUILT') {
        env.DELIVERKIT_CONCLUDED = outcome  // which tells it from a build that a newer one has superseded
    }
    if (outcome == 'NOT_BUILT' || outcome == 'ABORTED') {
        // `error` alone makes a failure of it, and a result can only become worse: both of these are worse.
        currentBuild.result = outcome
    }
    error reason
}

void refuseUnknown(String step, Map settings, List known) {
    String found = unknown(settings, known)
    if (found) {
        error "${step} does not know the parameter ${found}; it knows ${listed(known)}"
    }
}

// The promotion that a step is about: its parameter, or the one that deliverkitPromote opened in this build.
String promotion(String step, Map settings) {
    String found = settings.promotion ?: env.DELIVERKIT_PROMOTION
    if (!found) {
        error "${step} knows no promotion: call deliverkitPromote before it, or give it promotion: 'ID'"
    }
    return found
}

// Why the build runs, in Jenkins' words; empty where it does not say.
@NonCPS
String cause() {
    List causes = currentBuild.getBuildCauses()
    String told = ''
    for (int i = 0; i < causes.size(); i++) {
        told += (i ? '; ' : '') + (causes[i].shortDescription ?: '')
    }
    return told
}

// The user who started the build by hand; empty for a push, a timer or another job.
@NonCPS
String starter() {
    List causes = currentBuild.getBuildCauses()
    for (int i = 0; i < causes.size(); i++) {
        if (causes[i].userId) {
            return "${causes[i].userId}"
        }
    }
    return ''
}

// One run of the command: its exit code, what it wrote, and that as JSON.
Map attempt(Map settings, List words) {
    // Outside the workspace, where a file would make the sources look changed; a name of its own, for steps run in parallel.
    String answer = settings.text ? '' : pwd(tmp: true) + '/deliverkit-' + UUID.randomUUID() + '.json'
    // The shell becomes deliverkit (exec), so that an abort finds one process, and its exit code is the step's. Were the
    // answer captured by returnStdout, the exit code would have to travel in it, and a shell that outlives an aborted
    // deliverkit would end with 0: Jenkins would then go on with the next step.
    int exitCode = sh(returnStatus: true, label: label(words), script: commandScript(settings, words, answer))
    String output = ''
    if (answer) {
        String file = quoted(answer)
        String script = "#!/bin/sh\nif [ -f ${file} ]; then cat -- ${file}; rm -f -- ${file}; fi\n"
        output = sh(returnStdout: true, encoding: 'UTF-8', label: 'what deliverkit answered', script: script)
    }
    return [exitCode: exitCode, output: output, json: parsed(output)]
}

String commandScript(Map settings, List words, String answer) {
    List shown = settings.text ? words : ['--output', 'json'] + words
    String script = '#!/bin/sh\nset -eu\n'  // with a first line of its own Jenkins does not add -x
    script += 'tool=' + quoted(settings.command ?: '') + '\n'
    script += 'version=' + quoted(settings.version ?: version()) + '\n'
    script += 'answer=' + quoted(answer) + '\n'
    script += 'stale=' + quoted(settings.remove ?: '') + '\n'
    script += 'install() {\n    python3 - "$@" <<\'END_OF_PROGRAM\'\n'
    script += libraryResource('deliverkit/install.py') + '\nEND_OF_PROGRAM\n}\n'
    script += libraryResource('deliverkit/command.sh')
    return script + '\ndeliver' + line(shown) + '\n'
}

// What is wrong with the parameters, in one line; empty when nothing is.
@NonCPS
String problemWith(Object args, Object configured) {
    if (!(args instanceof List) || !args) {
        return "deliverkit takes its arguments as a list: deliverkit(['status', id])"
    }
    for (int i = 0; i < args.size(); i++) {
        String word = "${args[i]}"
        if (args[i] == null || word.isEmpty() || word.contains('\u0000')) {
            return "argument ${i + 1} of deliverkit (${args[0]}) is null, empty or not a text: a value that was never set?"
        }
    }
    List known = ['RETURN', 'AGAIN', 'FAILURE', 'UNSTABLE', 'NOT_BUILT', 'ABORTED']
    for (Object entry : configured.entrySet()) {
        String code = "${entry.getKey()}"
        String outcome = "${entry.getValue()}"
        if (!code.matches('-?[0-9]+') || !known.contains(outcome)) {
            return "on: ${code}: '${outcome}' is not understood; write an exit code and one of ${listed(known)}"
        }
    }
    return ''
}

@NonCPS
List texts(List args) {
    List words = []
    for (int i = 0; i < args.size(); i++) {
        String word = "${args[i]}"
        words << word
    }
    return words
}

// A word that no shell reads as anything but itself.
@NonCPS
String quoted(Object value) {
    String word = "${value}"
    return "'" + word.replace("'", "'\\''") + "'"
}

@NonCPS
String line(List words) {
    String script = ''
    for (int i = 0; i < words.size(); i++) {
        script += ' ' + quoted(words[i])
    }
    return script
}

@NonCPS
String label(List words) {
    return 'deliverkit ' + words[0] + (words.size() > 1 && !words[1].startsWith('-') ? ' ' + words[1] : '')
}

@NonCPS
String listed(List names) {
    String all = ''
    for (int i = 0; i < names.size(); i++) {
        all += (i ? ', ' : '') + names[i]
    }
    return all
}

@NonCPS
String unknown(Map settings, List known) {
    for (Object key : settings.keySet()) {
        String name = "${key}"
        if (!known.contains(name)) {
            return name
        }
    }
    return ''
}

// JSON as plain lists and maps: those of JsonSlurper cannot be saved when the controller restarts.
@NonCPS
Object parsed(String output) {
    String text = output.trim()
    if (!text.startsWith('{') && !text.startsWith('[')) {
        return null
    }
    try {
        return plain(new JsonSlurper().parseText(text))
    } catch (Exception ignored) {
        return null  // a text that only looks like JSON, or was cut off; `output` has it
    }
}

@NonCPS
Object plain(Object value) {
    if (value instanceof Map) {
        Map copy = [:]
        for (Object entry : value.entrySet()) {
            copy.put(entry.getKey(), plain(entry.getValue()))
        }
        return copy
    }
    if (value instanceof List) {
        List copy = []
        for (int i = 0; i < value.size(); i++) {
            copy << plain(value[i])
        }
        return copy
    }
    return value
}

// What becomes of the build for each exit code; `configured` goes before the usual.
@NonCPS
Map outcomes(Map configured) {
    Map all = [
        0: 'RETURN', 1: 'FAILURE', 2: 'FAILURE', 3: 'FAILURE', 4: 'FAILURE', 5: 'AGAIN', 6: 'NOT_BUILT', 7: 'NOT_BUILT',
        8: 'FAILURE', 9: 'FAILURE', 70: 'FAILURE', 130: 'AGAIN', 143: 'AGAIN', (-1): 'AGAIN'
    ]
    for (Object entry : configured.entrySet()) {
        String code = "${entry.getKey()}"
        String outcome = "${entry.getValue()}"
        all.put(Integer.parseInt(code), outcome)
    }
    return all
}

// `on` for a command whose end shall never be that of the build.
@NonCPS
Map everyCode(String outcome) {
    Map all = [:]
    for (Object code : outcomes([:]).keySet()) {
        all.put(code, outcome)
    }
    return all
}

// How often in a row a command may end so and be repeated; 0 for as often as it does. What is out of reach may come back;
// what is killed each time (-1 is Jenkins' own: the process was gone when its agent came back) will be killed again.
@NonCPS
int patience(int exitCode) {
    if (exitCode == 8) {
        return 10
    }
    return exitCode == 143 || exitCode == 130 || exitCode == -1 ? 3 : 0
}

// The command that goes on with what a command left running; none when a second run would begin something new.
@NonCPS
List again(List words, Object document, boolean isPatient) {
    // Whoever wants to hear of a question must not be made to wait for its answer.
    List through = isPatient ? ['--through-approvals'] : []
    if (words[0] == 'wait') {
        return words.contains('--through-approvals') ? words : words + through
    }
    // A decision on a question that is settled adds nothing.
    boolean isDecision = ['approve', 'reject'].contains(words[0]) && words.contains('--question')
    if (isDecision || ['resume', 'abort', 'status'].contains(words[0])) {
        return words
    }
    if (document instanceof Map && document.get('promotion')) {
        return ['wait', document.get('promotion')] + through
    }
    return []
}

@NonCPS
String reason(List words, Map ran) {
    Map meanings = [
        1: 'an expected failure, nothing was changed',
        2: 'wrong usage or configuration, nothing was tried',
        3: 'a gate or the deployment failed; rolled back, and the last good release is proved to serve again',
        4: 'the rollback failed or is not proved: a human is needed now',
        5: 'still under way or waiting for a human',
        6: 'rejected by an approver, or decided by somebody who may not',
        7: 'locked, frozen, outside the window or quarantined',
        8: 'AWS or Jenkins is out of reach or denies permission; nothing is lost',
        9: 'a digest, a signature, the plan or the ledger does not verify',
        70: 'an internal error of deliverkit',
        130: 'interrupted; its state is saved',
        143: 'interrupted; its state is saved',
        (-1): 'its process is gone; its state is saved'
    ]
    String told = label(words) + ' ended with ' + ran.exitCode + ': ' + (meanings[ran.exitCode] ?: 'not an exit code of deliverkit')
    Object document = ran.json
    if (document instanceof Map && document.get('reason')) {
        told += ': ' + document.get('reason')
    }
    if (document instanceof Map && document.get('next')) {
        told += '. Next: ' + document.get('next')[0]
    }
    return told
}
