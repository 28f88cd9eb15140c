package org.jenkinsci.plugins.workflow.steps

/** What a step throws that is stopped: by hand, by a timeout, by a rejected input. */
class FlowInterruptedException extends Exception {
    FlowInterruptedException(String message) {
        super(message)
    }
}
