// The whole delivery: build, package, promote stage by stage, ask where the plan wants to be asked, and take it back when
// the build is aborted. The stages and what needs an approval are read from the plan.
import org.jenkinsci.plugins.workflow.steps.FlowInterruptedException

void call(Map settings) {
    deliverkit.refuseUnknown('deliverkitDelivery', settings, [
        'build', 'env', 'submitter', 'profile', 'hours', 'stageHours', 'onBehalfOf', 'label', 'checkout', 'on', 'command', 'version'
    ])
    Map tool = settings.subMap(['on', 'command', 'version'])
    Map agent = settings.subMap(['label', 'checkout'])
    try {
        deliver(settings, tool, agent)
    } catch (FlowInterruptedException interruption) {
        // By hand, by a timeout, or by the Abort button of the approval.
        takeBack(tool.subMap(['command', 'version']) + agent)
        throw interruption
    } catch (Exception failure) {
        // No rollback here: a bad release was rolled back already, and a promotion that lost its watcher is sound.
        deliverkitStatus(tool.subMap(['command', 'version']) + agent)
        throw failure
    } finally {
        report(tool.subMap(['command', 'version']) + agent)
    }
}

void deliver(Map settings, Map tool, Map agent) {
    List legs = []
    stage('Package') {
        deliverkitAgent(agent) {
            if (settings.build) {
                sh settings.build
            }
            String release = deliverkitPackage(tool)
            legs = legsOf(deliverkit(tool, ['plan', release, '--to', settings.env]).json)
            if (asks(legs) && !settings.submitter) {
                error 'the plan asks for approvals: name who may answer, deliverkitDelivery(submitter: ...)'
            }
            deliverkitPromote(tool + [env: settings.env] + settings.subMap(['onBehalfOf']))
        }
    }
    for (int i = 0; i < legs.size(); i++) {
        String name = legs[i].name
        if (legs[i].asks) {
            stage('Approve ' + name) {
                deliverkitApproval(tool + agent + settings.subMap(['submitter', 'profile', 'hours']) + [stage: name])
            }
        }
        stage(name) {
            deliverkitAgent(agent) {
                timeout(time: settings.stageHours ?: 4, unit: 'HOURS') {
                    deliverkitStage(tool, name)
                }
            }
        }
    }
}

void takeBack(Map settings) {
    try {
        deliverkitAbort(settings)
    } catch (FlowInterruptedException again) {
        throw again
    } catch (Exception failure) {
        // The build stays aborted; this is what needs somebody's eyes.
        echo 'THE ABORT DID NOT END WELL: ' + failure.getMessage()
    }
}

void report(Map settings) {
    try {
        deliverkitReport(settings)
    } catch (FlowInterruptedException again) {
        throw again
    } catch (Exception failure) {
        // What became of the release is more than how it is shown.
        echo 'the report could not be published: ' + failure.getMessage()
    }
}

// The stages of a plan in their order, each once, and whether people are asked before it.
@NonCPS
List legsOf(Map plan) {
    List found = []
    for (int i = 0; i < plan.legs.size(); i++) {
        Map leg = plan.legs[i]
        String name = leg.stage ? leg.stage.stage : leg.environment
        boolean isAsked = leg.approvals != null && leg.approvals.needed > 0
        if (found && found[found.size() - 1].name == name) {
            continue
        }
        found << [name: name, asks: isAsked]
    }
    return found
}

@NonCPS
boolean asks(List legs) {
    for (int i = 0; i < legs.size(); i++) {
        if (legs[i].asks) {
            return true
        }
    }
    return false
}
