/** Base of every script: what it does not define itself is a global variable of the library, or a step. */
abstract class PipelineScript extends Script {
    Object methodMissing(String name, Object arguments) {
        return binding.getVariable('build').call(name, arguments as Object[])
    }
}
