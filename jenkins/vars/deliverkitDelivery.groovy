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
        // No rollback here: a bad release was rolled back already, and a promotion that lost its watcher (or its agent:
        // deliverkitAgent) is sound.
        deliverkitStatus(tool.subMap(['command', 'version']) + agent)
        throw failure
    } finally {
        deliverkitReport(tool.subMap(['command', 'version']) + agent)
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
            Map plan = deliverkit(tool, ['plan', release, '--to', settings.env]).json
            if (!plan || !plan.legs) {
                error 'deliverkit plan gave no plan: there is nothing to go on with'
            }
            legs = legsOf(plan)
            if (asks(legs) && !settings.submitter) {
                error 'the plan asks for approvals: name who may answer, deliverkitDelivery(submitter: ...)'
            }
            if (!deliverkitPromote(tool + [env: settings.env] + settings.subMap(['onBehalfOf']))) {
                legs = []  // nothing was opened, and `on` lets the build go on all the same
            }
        }
    }
    for (int i = 0; i < legs.size(); i++) {
        carry(settings, tool, agent, legs[i])
    }
}

// One stage; people are asked before it where the plan says so, and again where it comes to a question on its way.
void carry(Map settings, Map tool, Map agent, Map leg) {
    // What `on` says of waiting goes before; otherwise a question is asked here, without an executor.
    boolean isOurs = deliverkit.outcomes(settings.on ?: [:])[5] == 'AGAIN'
    Map driving = isOurs ? tool + [on: (settings.on ?: [:]) + [5: 'RETURN']] : tool
    boolean mustAsk = leg.asks
    boolean isWaiting = true
    while (isWaiting) {
        if (mustAsk && !settings.submitter) {
            error 'a question came up: name who may answer, deliverkitDelivery(submitter: ...)'
        }
        if (mustAsk) {
            stage('Approve ' + leg.name) {
                deliverkitApproval(tool + agent + settings.subMap(['submitter', 'profile', 'hours']) + [stage: leg.name])
            }
        }
        Map ran = [:]
        stage(leg.name) {
            deliverkitAgent(agent + [retries: 2]) {
                timeout(time: settings.stageHours ?: 4, unit: 'HOURS') {
                    ran = deliverkitStage(driving, leg.name)
                }
            }
        }
        isWaiting = isOurs && ran.exitCode == 5
        mustAsk = true
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

// The stages of a plan in their order, each once, and whether people are asked before it.
@NonCPS
List legsOf(Map plan) {
    List found = []
    for (int i = 0; i < plan.legs.size(); i++) {
        Map leg = plan.legs[i]
        String name = leg.stage ? leg.stage.stage : leg.environment
        boolean isAsked = leg.approvals != null && leg.approvals.needed > 0
        if (found && found[found.size() - 1].name == name) {
            Map before = found[found.size() - 1]
            before.asks = before.asks || isAsked  // waves of one stage: whichever asks
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
