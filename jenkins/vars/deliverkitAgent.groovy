// Runs a block where deliverkit can run: on the agent that the build holds, or else on one that it takes for as long as
// the block needs, with the sources (a bare `node` brings no deliverkit.yml with it).
def call(Map settings = [:], Closure body) {
    if (env.WORKSPACE) {
        return body()
    }
    return node(settings.label ?: 'deliverkit') {
        if (settings.checkout != false) {
            checkout scm
        }
        body()
    }
}
