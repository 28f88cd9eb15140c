import hudson.AbortException
import org.jenkinsci.plugins.workflow.steps.FlowInterruptedException

/** `pipeline { ... }`: the directives that our Jenkinsfiles use; any other is refused. */
class Declarative {
    static final List CONDITIONS = ['always', 'changed', 'fixed', 'regression', 'aborted', 'failure', 'success', 'unstable',
                                    'unsuccessful', 'notBuilt', 'cleanup']
    final Build build

    Declarative(Build build) {
        this.build = build
    }

    void run(Closure body) {
        Section top = new Section(['agent', 'options', 'stages', 'post', 'environment', 'parameters', 'triggers'], body)
        assert top.has('agent') && top.has('stages'), 'a pipeline needs agent and stages'
        Section stages = new Section(['stage'], top.closure('stages'))
        List options = names(top)
        withEnvironment(top) {
            inAgent(top) {
                limited(top) {
                    stages.calls.each { call -> stage(call, options) }
                }
            }
        }
        post(top, build.result)
        if (thrown) {
            throw thrown
        }
    }

    private Exception thrown

    private List names(Section section) {
        return section.has('options') ? new Section(null, section.closure('options')).calls*.name : []
    }

    private void stage(Map call, List options) {
        String name = call.arguments[0]
        boolean isOver = thrown || (options.contains('skipStagesAfterUnstable') && build.result != 'SUCCESS')
        if (isOver) {
            return
        }
        Section stage = new Section(['agent', 'options', 'steps', 'post', 'when', 'environment'], call.arguments.last())
        assert stage.has('steps')
        if (stage.has('when') && !holds(new Section(null, stage.closure('when')), 'allOf')) {
            build.log << "Stage \"${name}\" skipped due to when conditional\n"
            return
        }
        build.steps.take('stage', [name, { inStage(stage) }] as Object[])
    }

    private void inStage(Section stage) {
        withEnvironment(stage) {
            inAgent(stage) {
                String before = build.result
                build.result = 'SUCCESS'
                guarded { limited(stage) { perform(stage.closure('steps')) } }
                post(stage, build.result)
                build.worsen(before)
            }
        }
    }

    private void guarded(Closure body) {
        try {
            body()
        } catch (FlowInterruptedException stopped) {
            build.worsen(stopped.result)
            thrown = thrown ?: stopped
        } catch (Exception failed) {
            build.worsen('FAILURE')
            if (!(failed instanceof AbortException)) {
                build.log << "${Build.where(failed)}\n"
            }
            thrown = thrown ?: failed
        }
    }

    private void limited(Section section, Closure body) {
        List limits = section.has('options') ? new Section(null, section.closure('options')).calls.findAll { it.name == 'timeout' } : []
        if (limits) {
            build.steps.take('timeout', [limits[0].arguments[0], body] as Object[])
        } else {
            body()
        }
    }

    /** Steps are looked up in the script, not among the directives around them. */
    private void perform(Closure written) {
        Closure steps = written.clone()
        steps.delegate = written.thisObject
        steps.resolveStrategy = Closure.DELEGATE_ONLY
        steps()
    }

    private void post(Section section, String result) {
        if (!section.has('post')) {
            return
        }
        Section blocks = new Section(CONDITIONS, section.closure('post'))
        Map met = [always: true, aborted: result == 'ABORTED', failure: result == 'FAILURE', success: result == 'SUCCESS',
                   unstable: result == 'UNSTABLE', notBuilt: result == 'NOT_BUILT', unsuccessful: result != 'SUCCESS', cleanup: true]
        CONDITIONS.findAll { met[it] && blocks.has(it) }.each { condition ->
            guarded { perform(blocks.closure(condition)) }
        }
    }

    private void inAgent(Section section, Closure body) {
        Object agent = section.has('agent') ? section.arguments('agent')[0] : 'none'
        if (agent == 'none') {
            body()
            return
        }
        String label = agent instanceof Closure ? new Section(['label'], agent).arguments('label')[0] : 'any'
        build.steps.take('node', [label, { -> build.steps.take('checkout', ['scm'] as Object[]); body() }] as Object[])
    }

    private void withEnvironment(Section section, Closure body) {
        Map assigned = [:]
        if (section.has('environment')) {
            Closure block = section.closure('environment').clone()
            block.delegate = new Assignments(values: assigned)
            block.resolveStrategy = Closure.DELEGATE_FIRST
            block()
        }
        build.overlays << assigned
        try {
            body()
        } finally {
            build.overlays.pop()
        }
    }

    private boolean holds(Section when, String how) {
        List verdicts = when.calls.findAll { !it.name.startsWith('before') }.collect { verdict(it) }
        return how == 'anyOf' ? verdicts.any() : verdicts.every()
    }

    private boolean verdict(Map call) {
        Object first = call.arguments ? call.arguments[0] : null
        switch (call.name) {
            case 'environment': return build.environment(first.name) == first.value
            case 'branch': return build.environment('BRANCH_NAME') == first
            case 'changeRequest': return build.environment('CHANGE_ID') != null
            case 'not': return !holds(new Section(null, first), 'allOf')
            case 'anyOf': return holds(new Section(null, first), 'anyOf')
            default: throw new IllegalArgumentException("when does not know ${call.name}")
        }
    }
}

class Assignments {
    Map values

    void setProperty(String name, Object value) {
        if (name == 'values') {
            values = value
        } else {
            values[name] = value.toString()
        }
    }
}

/** A block of directives: what was called in it, in order. */
class Section {
    final List allowed
    final List calls = []

    Section(List allowed, Closure body) {
        this.allowed = allowed
        Closure block = body.clone()
        block.delegate = this
        block.resolveStrategy = Closure.DELEGATE_FIRST
        block()
    }

    Object methodMissing(String name, Object arguments) {
        if (allowed != null && !allowed.contains(name)) {
            throw new IllegalArgumentException("there is no directive ${name} here, only ${allowed}")
        }
        calls << [name: name, arguments: arguments as List]
        return null
    }

    boolean has(String name) {
        return calls.any { it.name == name }
    }

    List arguments(String name) {
        List found = calls.findAll { it.name == name }
        assert found.size() == 1, "${name} belongs here once"
        return found[0].arguments
    }

    Closure closure(String name) {
        return arguments(name).last()
    }
}
