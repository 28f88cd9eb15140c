package org.jenkinsci.plugins.workflow.steps

/** What a step throws that is stopped: by hand, by a timeout, by a rejected input, by a newer build, with its agent. */
class FlowInterruptedException extends Exception {
    final String result
    // False for the loss of an agent, which `retry` may then repeat.
    final boolean isActual

    FlowInterruptedException(String message, String result = 'ABORTED', boolean isActual = true) {
        super(message)
        this.result = result
        this.isActual = isActual
    }
}
