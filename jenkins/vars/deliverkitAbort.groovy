// For `post { aborted { ... } }`: stops what runs and brings the last good release back. It may run while the aborted
// step's process still lives (Jenkins waits 20 s and kills nothing): deliverkit waits for the lease that this one holds.
//
// For `post { notBuilt { deliverkitAbort(superseded: true) } }`: where a milestone has ended the build for a newer one, only
// stops; what serves is left to the newer one.
void call(Map settings = [:]) {
    deliverkit.refuseUnknown('deliverkitAbort', settings, ['superseded', 'promotion', 'label', 'checkout', 'command', 'version'])
    String promotion = settings.promotion ?: env.DELIVERKIT_PROMOTION
    if (!promotion) {
        echo 'nothing was promoted by this build: nothing to abort'
        return
    }
    if (settings.superseded && env.DELIVERKIT_CONCLUDED) {
        echo 'deliverkit itself has ended this build, no newer one: nothing to abort'
        return
    }
    deliverkitAgent(settings + [retries: 2]) {
        deliverkit(settings.subMap(['command', 'version']), ['abort', promotion] + (settings.superseded ? [] : ['--rollback']))
    }
}
