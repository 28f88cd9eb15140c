// For `post { cleanup { ... } }`: shows beside the build what happened to its promotion, as a page and as the build's
// description. `always` would be too early: it comes before `aborted`, which may still take the release back.
// Never fails a build, and rolls back nothing.
import org.jenkinsci.plugins.workflow.steps.FlowInterruptedException

void call(Map settings = [:]) {
    deliverkit.refuseUnknown('deliverkitReport', settings, ['promotion', 'label', 'checkout', 'command', 'version'])
    String promotion = settings.promotion ?: env.DELIVERKIT_PROMOTION
    if (!promotion) {
        echo 'nothing was promoted by this build: nothing to report'
        return
    }
    try {
        deliverkitAgent(settings + [retries: 2]) {
            show(settings.subMap(['command', 'version']) + [on: deliverkit.everyCode('RETURN')], promotion)
        }
    } catch (FlowInterruptedException interruption) {
        throw interruption
    } catch (Exception failure) {
        // What became of the release is more than how it is shown.
        echo 'the report could not be published: ' + failure.getMessage()
    }
}

void show(Map tool, String promotion) {
    Map line = deliverkit(tool, ['report', promotion, '--as', 'description'])
    if (line.json) {
        currentBuild.description = line.json.report
    }
    // Outside the workspace, where it would make the sources look changed.
    String folder = pwd(tmp: true) + '/deliverkit-report'
    Map page = deliverkit(tool, ['report', promotion, '--to-file', folder + '/index.html'])
    if (page.exitCode == 0) {
        publish(folder)
    }
}

void publish(String folder) {
    dir(folder) {
        try {
            publishHTML(target: [
                reportDir: '.', reportFiles: 'index.html', reportName: 'Release', keepAll: true,
                alwaysLinkToLastBuild: true, allowMissing: true
            ])
        } catch (NoSuchMethodError missing) {
            echo 'without the plugin htmlpublisher the report is an artifact of the build'
            archiveArtifacts artifacts: 'index.html', allowEmptyArchive: true
        }
    }
}
