import hudson.AbortException
import java.util.concurrent.TimeUnit
import org.jenkinsci.plugins.workflow.steps.FlowInterruptedException

/**
 * `sh` as Jenkins runs it: the script in a file, `sh -xe` unless its first line names a shell, under a wrapper.
 *
 * An abort comes as on a real controller: SIGTERM to the descendants first and to the main process later, never SIGKILL,
 * and after a while (20 s there) the step ends, whether or not the process has.
 */
class ShellStep {
    final Build build
    final File folder

    ShellStep(Build build, File folder) {
        this.build = build
        this.folder = folder
    }

    Object run(Map given) {
        if (given.label) {
            build.log << "[${given.label}]\n"
        }
        Process process = start(given.script.toString())
        StringBuffer captured = new StringBuffer()
        StringBuffer seen = new StringBuffer()
        List readers = [
            reader(process.errorStream, [build.log, seen]),
            reader(process.inputStream, given.returnStdout ? [captured] : [build.log, seen])
        ]
        boolean wasStopped = watch(process, seen)
        readers.each { it.join(wasStopped ? 200 : 60000) }
        if (process.alive) {
            build.log << 'After 20s process did not stop\n'
            throw new FlowInterruptedException('Aborted by somebody')
        }
        int code = process.exitValue()
        List removed = build.spec.removed ?: []
        if (removed && seen.indexOf(removed[0]) >= 0) {
            removed.remove(0)
            build.log << 'Agent was deleted; cancelling node body\n'
            throw new FlowInterruptedException('Agent was removed', 'ABORTED', false)
        }
        if (wasStopped && code != 0) {  // a step that ends well although it was stopped is a success (durable-task-step)
            build.log << "script returned exit code ${code}\n"
            throw new FlowInterruptedException('Aborted by somebody')
        }
        if (given.returnStatus) {
            return code
        }
        if (code != 0) {
            throw new AbortException("script returned exit code ${code}")
        }
        return given.returnStdout ? captured.toString() : null
    }

    private Process start(String script) {
        File control = new File(build.nodes.last().env.WORKSPACE_TMP, "durable-${UUID.randomUUID()}")
        control.mkdirs()
        File file = new File(control, 'script.sh')
        file.setText(script, 'UTF-8')
        file.setExecutable(true)
        List words = script.startsWith('#!') ? [file.path] : ['sh', '-xe', file.path]
        ProcessBuilder builder = new ProcessBuilder(['sh', '-c', '"$@"; exit $?', 'wrapper'] + words)
        builder.environment().clear()
        builder.environment().putAll(build.processEnvironment())
        return builder.directory(folder).start()
    }

    private Thread reader(InputStream stream, List sinks) {
        return Thread.startDaemon {
            stream.eachLine('UTF-8') { line -> sinks.each { it << line << '\n' } }
        }
    }

    /** Waits for the end; true when the case had it aborted. */
    private boolean watch(Process process, StringBuffer seen) {
        Map abort = build.spec.abort
        if (abort?.stage && abort.stage != build.environment('STAGE_NAME')) {
            abort = null
        }
        long deadline = System.currentTimeMillis() + 120000
        while (!process.waitFor(20, TimeUnit.MILLISECONDS)) {
            assert System.currentTimeMillis() < deadline, "a step did not end: ${seen}"
            if (abort && seen.indexOf(abort.when) >= 0) {
                build.spec.abort = null
                build.log << 'Sending interrupt signal to process\n'
                stop(process, abort)
                return true
            }
        }
        return false
    }

    private void stop(Process process, Map abort) {
        ProcessHandle main = process.toHandle()
        List descendants = main.descendants().iterator().toList()
        List ordered = descendants.reverse()
        ordered.each { it.destroy() }
        Thread.sleep(abort.gap ?: 50)  // 5 s on a real controller
        main.destroy()
        process.waitFor(abort.patience ?: 20000, TimeUnit.MILLISECONDS)
    }
}
