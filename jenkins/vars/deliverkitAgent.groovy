// Runs a block where deliverkit can run: on the agent that the build holds, or else on one that it takes for as long as
// the block needs, with the sources (a bare `node` brings no deliverkit.yml with it).
//
// An agent that is deleted is no abort: Jenkins' exception is the same for both, and the sandbox does not let a script ask
// it for its cause. `retry` with this condition repeats after that and nothing else; so a block that is begun once more than
// it may be has lost its agent each time, and that is made a plain failure, which takes nothing back.
def call(Map settings = [:], Closure body) {
    if (env.WORKSPACE) {
        return body()
    }
    int lost = -1
    int most = settings.retries ?: 0
    return retry(count: most + 2, conditions: [agent()]) {
        lost += 1
        if (lost > most) {
            error "its agent was lost, ${lost} in a row; nothing was taken back, and whoever waits for the promotion drives it on"
        }
        node(settings.label ?: 'deliverkit') {
            if (settings.checkout != false) {
                checkout scm
            }
            body()
        }
    }
}
