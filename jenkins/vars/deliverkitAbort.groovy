// For `post { aborted { ... } }`: stops what runs and brings the last good release back. It may run while the aborted
// step's process still lives (Jenkins waits 20 s and kills nothing): deliverkit waits for the lease that this one holds.
void call(Map settings = [:]) {
    deliverkit.refuseUnknown('deliverkitAbort', settings, ['promotion', 'label', 'checkout', 'command', 'version'])
    String promotion = settings.promotion ?: env.DELIVERKIT_PROMOTION
    if (!promotion) {
        echo 'nothing was promoted by this build: nothing to abort'
        return
    }
    deliverkitAgent(settings) {
        deliverkit(settings.subMap(['command', 'version']), ['abort', promotion, '--rollback'])
    }
}
