import hudson.AbortException
import org.codehaus.groovy.control.CompilerConfiguration
import org.codehaus.groovy.control.customizers.ImportCustomizer
import org.codehaus.groovy.runtime.InvokerHelper
import java.util.concurrent.TimeUnit
import org.jenkinsci.plugins.workflow.steps.FlowInterruptedException

/** One build: runs a Jenkinsfile whose steps are the methods of Steps, and whose library is the folder of `vars`. */
class Build {
    static final List RESULTS = ['SUCCESS', 'UNSTABLE', 'FAILURE', 'NOT_BUILT', 'ABORTED']

    final Map spec
    final File library
    final Map variables = [:]
    final Map env = [:]
    final StringBuffer log = new StringBuffer()
    final List trace = []
    final List asked = []
    final List published = []
    final List shown = []
    final List nodes = []
    final List folders = []
    final List overlays = []
    final List stages = []
    final List deadlines = []  // of the timeouts around the step that runs, ms
    final Clock clock
    final CurrentBuild current = new CurrentBuild(build: this)
    String result = 'SUCCESS'
    String failure = ''
    int milestone = 0
    Steps steps

    Build(Map spec, File library) {
        this.spec = spec
        this.library = library
        this.steps = new Steps(this)
        this.clock = new Clock()
        env.putAll(['BUILD_NUMBER': '7', 'BUILD_ID': '7', 'BUILD_TAG': 'jenkins-shop-7', 'JOB_NAME': 'shop'])
        env.putAll(spec.env ?: [:])
    }

    Map run() {
        Binding binding = binding()
        compiled(library).each { name, type -> variables[name] = InvokerHelper.createScript(type, binding) }
        variables.each { name, script -> binding.setVariable(name, script) }
        GroovyShell shell = new GroovyShell(getClass().classLoader, binding, configuration())
        try {
            shell.parse(spec.script, 'WorkflowScript.groovy').run()
        } catch (FlowInterruptedException stopped) {
            worsen(stopped.result)
            failure = stopped.message
        } catch (AbortException ended) {
            worsen('FAILURE')
            failure = ended.message
        } catch (Throwable fault) {
            worsen('FAILURE')
            failure = where(fault)
            log << failure << '\n'
        }
        return [result: result, failure: failure, log: log.toString(), env: env, trace: trace, asked: asked,
                published: published, shown: shown, description: current.description, stages: stages, held: nodes.size(),
                waited: clock.skipped]
    }

    private static final Map COMPILED = [:]

    /** The library's scripts, compiled once for all builds. */
    private static Map compiled(File library) {
        if (!COMPILED) {
            GroovyClassLoader loader = new GroovyClassLoader(Build.classLoader, configuration())
            library.listFiles().sort().findAll { it.name.endsWith('.groovy') }.each { file ->
                COMPILED[file.name - '.groovy'] = loader.parseClass(file)
            }
        }
        return COMPILED
    }

    static String where(Throwable fault) {
        List frames = fault.stackTrace.findAll { it.fileName?.endsWith('.groovy') }.take(4)
        return "${fault.class.name}: ${fault.message} ${frames.collect { "${it.fileName}:${it.lineNumber}" }.unique()}"
    }

    Binding binding() {
        return new Binding([build: this, env: new Environment(build: this), currentBuild: current,
                            scm: 'the sources', none: 'none', any: 'any', params: spec.params ?: [:]])
    }

    static CompilerConfiguration configuration() {
        CompilerConfiguration configuration = new CompilerConfiguration(scriptBaseClass: 'PipelineScript')
        configuration.addCompilationCustomizers(new ImportCustomizer().addImports('com.cloudbees.groovy.cps.NonCPS'))
        return configuration
    }

    void worsen(String other) {
        result = RESULTS[Math.max(RESULTS.indexOf(result), RESULTS.indexOf(other))]
    }

    Object call(String name, Object[] arguments) {
        if (!variables.containsKey(name)) {
            return steps.take(name, arguments)
        }
        Object given = InvokerHelper.invokeMethod(variables[name], 'call', arguments)
        // Jenkins saves what a step gave when it pauses; what cannot be saved fails the build then, not before.
        new ObjectOutputStream(new ByteArrayOutputStream()).writeObject(given)
        return given
    }

    String environment(String name) {
        Map node = nodes ? nodes.last().env : [:]
        for (int i = overlays.size() - 1; i >= 0; i--) {
            if (overlays[i].containsKey(name)) {
                return overlays[i][name]
            }
        }
        return env.containsKey(name) ? env[name] : node[name]
    }

    Map processEnvironment() {
        Map all = [:]
        all.putAll(nodes.last().env)
        all.putAll(env)
        overlays.each { all.putAll(it) }
        return all.findAll { it.value != null }
    }
}

/** The time of the build, which jumps where a step waits for a timeout. */
class Clock {
    long skipped = 0

    Clock() {
        Clock own = this
        System.metaClass.static.currentTimeMillis = { -> own.now() }  // what scripts see; one build runs at a time
    }

    long now() {
        return TimeUnit.NANOSECONDS.toMillis(System.nanoTime()) + skipped
    }

    void jumpTo(long moment) {
        skipped += Math.max(0, moment - now())
    }
}

class Environment {
    Build build

    Object getProperty(String name) {
        return build.environment(name)
    }

    void setProperty(String name, Object value) {
        if (name == 'build') {
            build = value
        } else {
            build.env[name] = value == null ? null : value.toString()
        }
    }
}

class CurrentBuild {
    Build build
    String description

    String getResult() {
        return build.result == 'SUCCESS' ? null : build.result
    }

    void setResult(String result) {
        assert Build.RESULTS.contains(result)
        build.worsen(result)  // Jenkins never lets a result become better
    }

    List getBuildCauses() {
        return build.spec.causes ?: []
    }

    List getBuildCauses(String type) {
        return getBuildCauses().findAll { it._class == type }
    }

    String getCurrentResult() {
        return build.result
    }
}
