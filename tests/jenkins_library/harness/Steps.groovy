import hudson.AbortException
import java.util.concurrent.TimeUnit
import org.jenkinsci.plugins.workflow.steps.FlowInterruptedException

/** The steps, each with the parameters that its documentation names; `sh` runs a real shell. */
class Steps {
    // Step -> its main parameter (null for none), then the others. Pipeline Steps Reference, jenkins.io.
    static final Map KNOWN = [
        archiveArtifacts: ['artifacts', 'allowEmptyArchive', 'fingerprint'], catchError: [null, 'buildResult', 'stageResult', 'message'],
        checkout: ['scm'], choice: [null, 'name', 'choices', 'description'], dir: ['path'], echo: ['message'], error: ['message'],
        input: ['message', 'id', 'ok', 'submitter', 'submitterParameter', 'parameters', 'cancel'],
        junit: ['testResults', 'allowEmptyResults', 'skipPublishingChecks'], libraryResource: ['resource', 'encoding'],
        milestone: ['ordinal', 'label'], retry: ['count', 'conditions'], agent: [null], node: ['label'], pipeline: [null], pwd: ['tmp'],
        sh: ['script', 'label', 'encoding', 'returnStatus', 'returnStdout'], sleep: ['time', 'unit'], script: [null],
        stage: ['name'], string: [null, 'name', 'defaultValue', 'description', 'trim'], timeout: ['time', 'unit', 'activity'],
        publishHTML: ['target'], unstable: ['message'], withEnv: ['overrides'], lock: ['resource']
    ]
    final Build build

    Steps(Build build) {
        this.build = build
    }

    Object take(String name, Object[] arguments) {
        if (!KNOWN.containsKey(name) || name in build.spec.lacks) {
            throw new NoSuchMethodError("No such DSL method '${name}' found among steps")
        }
        List rest = arguments as List
        Closure body = rest && rest.last() instanceof Closure ? rest.pop() : null
        Map given = rest && rest[0] instanceof Map ? rest[0] : rest ? [(KNOWN[name][0]): rest[0]] : [:]
        Set unknown = given.keySet().collect { it.toString() } - KNOWN[name]
        if (unknown) {
            throw new IllegalArgumentException("${name} does not know ${unknown}")
        }
        build.trace << [step: name, given: given.collectEntries { key, value -> [key, "${value}".toString()] }, node: build.nodes.size()]
        return "do_${name}"(given, body)
    }

    Object do_echo(Map given, Closure body) {
        build.log << "${given.message}\n"
    }

    Object do_error(Map given, Closure body) {
        build.log << "ERROR: ${given.message}\n"
        throw new AbortException(given.message.toString())
    }

    Object do_unstable(Map given, Closure body) {
        build.log << "WARNING: ${given.message}\n"
        build.worsen('UNSTABLE')
    }

    Object do_sleep(Map given, Closure body) {
    }

    /** `overtaken` names the milestones that a newer build has passed already. */
    Object do_milestone(Map given, Closure body) {
        assert given.ordinal instanceof Integer && given.ordinal > build.milestone, 'ordinals have to grow'
        build.milestone = given.ordinal
        if (build.spec.overtaken?.contains(given.ordinal)) {
            throw new FlowInterruptedException('Canceled since a newer build already got here', 'NOT_BUILT')
        }
    }

    Object do_checkout(Map given, Closure body) {
        assert build.nodes, 'checkout needs an agent'
    }

    Object do_libraryResource(Map given, Closure body) {
        return new File(build.library.parentFile, "resources/${given.resource}").getText('UTF-8')
    }

    Object do_pwd(Map given, Closure body) {
        assert build.nodes, 'pwd needs an agent'
        File place = given.tmp ? new File(build.nodes.last().env.WORKSPACE_TMP) : folder()
        place.mkdirs()
        return place.path
    }

    Object do_dir(Map given, Closure body) {
        build.folders << new File(given.path.toString())
        try {
            return body()
        } finally {
            build.folders.pop()
        }
    }

    Object do_withEnv(Map given, Closure body) {
        build.overlays << given.overrides.collectEntries { it.toString().split('=', 2) as List }
        try {
            return body()
        } finally {
            build.overlays.pop()
        }
    }

    Object do_node(Map given, Closure body) {
        String workspace = build.spec.workspace + (build.nodes ? "@${build.nodes.size() + 1}" : '')
        new File(workspace).mkdirs()
        build.nodes << [env: [WORKSPACE: workspace, WORKSPACE_TMP: "${workspace}@tmp".toString(), NODE_NAME: given.label ?: 'any']]
        build.folders << new File(workspace)
        try {
            return body()
        } finally {
            build.folders.pop()
            build.nodes.pop()
        }
    }

    Object do_timeout(Map given, Closure body) {
        assert given.time instanceof Integer && given.time > 0
        build.deadlines << build.clock.now() + TimeUnit.valueOf(given.unit ?: 'MINUTES').toMillis(given.time)
        try {
            return body()
        } finally {
            build.deadlines.pop()
        }
    }

    /** `retry` with the condition `agent`: what is lost with its agent is repeated, and nothing else. */
    Object do_retry(Map given, Closure body) {
        assert given.conditions == [[condition: 'agent']]
        int left = given.count
        while (true) {
            try {
                return body()
            } catch (FlowInterruptedException stopped) {
                left -= 1
                if (stopped.isActual || left <= 0) {
                    throw stopped
                }
                build.log << 'Retrying\n'
            }
        }
    }

    Object do_agent(Map given, Closure body) {
        return [condition: 'agent']
    }

    Object do_lock(Map given, Closure body) {
        return body()
    }

    Object do_script(Map given, Closure body) {
        return body()
    }

    Object do_stage(Map given, Closure body) {
        build.stages << given.name
        build.overlays << [STAGE_NAME: given.name]
        try {
            return body()
        } finally {
            build.overlays.pop()
        }
    }

    Object do_catchError(Map given, Closure body) {
        try {
            return body()
        } catch (FlowInterruptedException stopped) {
            throw stopped
        } catch (Exception failure) {
            build.log << "ERROR: ${failure.message}\n"
            build.worsen(given.buildResult ?: 'FAILURE')
        }
    }

    Object do_pipeline(Map given, Closure body) {
        return new Declarative(build).run(body)
    }

    Object do_archiveArtifacts(Map given, Closure body) {
    }

    Object do_publishHTML(Map given, Closure body) {
        File page = new File(folder(), "${given.target.reportDir}/${given.target.reportFiles}")
        build.shown << [name: given.target.reportName, text: page.exists() ? page.getText('UTF-8') : '']
    }

    Object do_string(Map given, Closure body) {
        return given + [kind: 'string']
    }

    Object do_choice(Map given, Closure body) {
        return given + [kind: 'choice']
    }

    Object do_junit(Map given, Closure body) {
        assert build.nodes, 'junit needs an agent'
        File report = new File(folder(), given.testResults.toString())
        String text = report.exists() ? report.getText('UTF-8') : ''
        build.published << [report: report.name, text: text]
        if (!text && !given.allowEmptyResults) {
            throw new AbortException('No test report files were found. Configuration error?')
        }
        if (text =~ /<(failure|error)\b/) {
            build.worsen('UNSTABLE')
        }
    }

    /** Answers as the case says: null as after `proceedEmpty`; `abort` for the button; `run` is what happens meanwhile. */
    Object do_input(Map given, Closure body) {
        List parameters = given.parameters.collect { [name: it.name, kind: it.kind, first: it.choices ? it.choices[0] : it.defaultValue] }
        build.asked << [id: given.id, message: given.message.toString(), submitter: given.submitter, parameters: parameters,
                        submitterParameter: given.submitterParameter, executors: build.nodes.size()]
        Object answer = build.spec.answers ? build.spec.answers.remove(0) : [silent: true]
        while (answer instanceof Map && answer.by && !answer.by.any { given.submitter.tokenize(', ').contains(it) }) {
            build.log << "You need to be ${given.submitter} to submit this.\n"  // HTTP 400; the question stays
            answer = build.spec.answers.remove(0)
        }
        if (answer instanceof Map && answer.run) {
            Process meanwhile = processBuilder(answer.run, build.spec.workspace).start()
            meanwhile.waitFor()
            assert meanwhile.exitValue() == 0, meanwhile.inputStream.text
        }
        if (answer instanceof Map && answer.silent) {
            assert build.deadlines, 'this question waits for ever'
            build.clock.jumpTo(build.deadlines.min())
            throw new FlowInterruptedException('Timeout has been exceeded')
        }
        if (answer instanceof Map && answer.abort) {
            throw new FlowInterruptedException("Rejected by ${answer.abort}".toString(), answer.result ?: 'ABORTED')
        }
        return answer instanceof Map ? answer.answer : answer
    }

    private ProcessBuilder processBuilder(String command, String place) {
        ProcessBuilder process = new ProcessBuilder(['sh', '-c', command])
        process.environment().clear()
        process.environment().putAll(build.env)
        return process.directory(new File(place)).redirectErrorStream(true)
    }

    Object do_sh(Map given, Closure body) {
        assert build.nodes, 'sh needs an agent'
        return new ShellStep(build, folder()).run(given)
    }

    private File folder() {
        return build.folders.last()
    }
}
