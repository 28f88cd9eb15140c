// For `post { failure { ... } }`: prints where the promotion stands and what to type next. Never fails, rolls back nothing.
void call(Map settings = [:]) {
    deliverkit.refuseUnknown('deliverkitStatus', settings, ['promotion', 'label', 'checkout', 'command', 'version'])
    String promotion = settings.promotion ?: env.DELIVERKIT_PROMOTION
    if (!promotion) {
        echo 'nothing was promoted by this build'
        return
    }
    deliverkitAgent(settings) {
        deliverkit(settings.subMap(['command', 'version']) + [text: true, on: [
            1: 'RETURN', 2: 'RETURN', 5: 'RETURN', 6: 'RETURN', 7: 'RETURN', 8: 'RETURN', 9: 'RETURN', 70: 'RETURN'
        ]], ['status', promotion])
    }
}
