// For `post { failure { ... } }`: prints where the promotion stands and what to type next. Never fails, rolls back nothing.
import org.jenkinsci.plugins.workflow.steps.FlowInterruptedException

void call(Map settings = [:]) {
    deliverkit.refuseUnknown('deliverkitStatus', settings, ['promotion', 'label', 'checkout', 'command', 'version'])
    String promotion = settings.promotion ?: env.DELIVERKIT_PROMOTION
    if (!promotion) {
        echo 'nothing was promoted by this build'
        return
    }
    try {
        deliverkitAgent(settings + [retries: 2]) {
            Map tool = settings.subMap(['command', 'version'])
            deliverkit(tool + [text: true, on: deliverkit.everyCode('RETURN')], ['status', promotion])
        }
    } catch (FlowInterruptedException interruption) {
        throw interruption
    } catch (Exception failure) {
        // Why the build failed is more than where things stand.
        echo 'the status could not be asked for: ' + failure.getMessage()
    }
}
