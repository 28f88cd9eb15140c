import org.codehaus.groovy.ast.ClassCodeVisitorSupport
import org.codehaus.groovy.ast.ClassNode
import org.codehaus.groovy.ast.MethodNode
import org.codehaus.groovy.ast.builder.AstBuilder
import org.codehaus.groovy.ast.expr.*
import org.codehaus.groovy.ast.stmt.CatchStatement
import org.codehaus.groovy.ast.stmt.ForStatement
import org.codehaus.groovy.control.CompilePhase
import org.codehaus.groovy.control.SourceUnit

/**
 * What a script of the library would be refused for by the script sandbox, or lose when the controller restarts.
 *
 * It reads names, not types: it cannot prove that a script is accepted, only that it calls nothing outside the table.
 */
class Scan extends ClassCodeVisitorSupport {
    // Script Security plugin, sandbox/whitelists/generic-whitelist and generic-whitelist-groovy2. Reading a key of a map
    // as a property needs no entry.
    static final Map METHODS = [
        size: 'method java.util.Collection size', get: 'method java.util.Map get java.lang.Object',
        put: 'method java.util.Map put java.lang.Object java.lang.Object', entrySet: 'method java.util.Map entrySet',
        keySet: 'method java.util.Map keySet', getKey: 'method java.util.Map$Entry getKey', getValue: 'method java.util.Map$Entry getValue',
        contains: 'method java.util.Collection contains java.lang.Object; method java.lang.String contains java.lang.CharSequence',
        subMap: 'staticMethod org.codehaus.groovy.runtime.DefaultGroovyMethods subMap java.util.Map java.util.Collection',
        isEmpty: 'method java.lang.String isEmpty', trim: 'method java.lang.String trim',
        startsWith: 'method java.lang.String startsWith java.lang.String', matches: 'method java.lang.String matches java.lang.String',
        replace: 'method java.lang.String replace java.lang.CharSequence java.lang.CharSequence',
        replaceAll: 'method java.lang.String replaceAll java.lang.String java.lang.String',
        split: 'method java.lang.String split java.lang.String', getMessage: 'method java.lang.Throwable getMessage',
        randomUUID: 'staticMethod java.util.UUID randomUUID', parseInt: 'staticMethod java.lang.Integer parseInt java.lang.String',
        containsKey: 'method java.util.Map containsKey java.lang.Object',
        getBuildCauses: 'org.jenkinsci.plugins.workflow.support.steps.build.RunWrapper, annotated @Whitelisted',
        currentTimeMillis: 'staticMethod java.lang.System currentTimeMillis',
        parseText: 'method groovy.json.JsonSlurper parseText java.lang.String'
    ]
    static final Map STATIC_OWNERS = [UUID: ['randomUUID'], Integer: ['parseInt'], System: ['currentTimeMillis']]
    static final List CONSTRUCTORS = ['JsonSlurper']  // new groovy.json.JsonSlurper; JsonSlurperClassic is not in the list
    static final List IMPORTS = ['groovy.json.JsonSlurper', 'org.jenkinsci.plugins.workflow.steps.FlowInterruptedException']
    static final List FORBIDDEN_PROPERTIES = ['class', 'metaClass', 'classLoader', 'binding', 'rawBuild', 'delegate', 'owner']

    final Set globals
    final Set own = []
    final Set nonCps = []
    final List found = []
    boolean isNonCps = false

    static List findings(String text, String library) {
        Set globals = new File(library).listFiles().findAll { it.name.endsWith('.groovy') }.collect { it.name - '.groovy' }
        Scan scan = new Scan(globals)
        ClassNode script = new AstBuilder().buildFromString(CompilePhase.CONVERSION, false, text).find { it instanceof ClassNode }
        scan.read(script)
        return scan.found
    }

    Scan(Set globals) {
        this.globals = globals
    }

    void read(ClassNode script) {
        List methods = script.methods.findAll { !(it.name in ['main']) }
        methods.each { own << it.name }
        methods.findAll { isMarked(it) }.each { nonCps << it.name }
        script.module.imports.findAll { !(it.type.name in IMPORTS) }.each { found << "import of ${it.type.name}".toString() }
        methods.each {
            isNonCps = isMarked(it)
            it.code?.visit(this)
        }
        isNonCps = false
    }

    private static boolean isMarked(MethodNode method) {
        return method.annotations.any { it.classNode.name == 'NonCPS' }
    }

    private void report(def node, String what) {
        found << "line ${node.lineNumber}: ${what}".toString()
    }

    void visitMethodCallExpression(MethodCallExpression call) {
        String name = call.methodAsString
        if (name == null) {
            report(call, 'a method whose name is computed')
        } else if (call.implicitThis) {
            checkOwn(call, name)
        } else {
            checkForeign(call, name)
        }
        super.visitMethodCallExpression(call)
    }

    private void checkOwn(MethodCallExpression call, String name) {
        if (own.contains(name) && name != 'call') {
            if (isNonCps && !nonCps.contains(name)) {
                report(call, "${name} is called by a method that is marked @NonCPS, and is not marked itself")
            }
        } else if (isNonCps) {
            report(call, "a method marked @NonCPS calls the step ${name}")
        } else if (!globals.contains(name) && !Steps.KNOWN.containsKey(name) && !(name in ['call', 'body'])) {
            report(call, "there is no step ${name}")
        }
    }

    private void checkForeign(MethodCallExpression call, String name) {
        Expression receiver = call.objectExpression
        String subject = receiver instanceof VariableExpression ? receiver.name : ''
        if (globals.contains(subject)) {
            if (isNonCps) {
                report(call, "a method marked @NonCPS calls ${subject}")
            }
            return
        }
        if (STATIC_OWNERS.containsKey(subject) ? !STATIC_OWNERS[subject].contains(name) : !METHODS.containsKey(name)) {
            report(call, "${name} is not among the methods that the sandbox is known to allow")
        }
        if (call.arguments instanceof TupleExpression && call.arguments.expressions.any { it instanceof ClosureExpression }) {
            report(call, "${name} with a closure: steps in it are lost when Java iterates")
        }
    }

    void visitConstructorCallExpression(ConstructorCallExpression call) {
        if (!CONSTRUCTORS.contains(call.type.nameWithoutPackage)) {
            report(call, "new ${call.type.name} is not known to be allowed by the sandbox")
        }
        super.visitConstructorCallExpression(call)
    }

    void visitPropertyExpression(PropertyExpression property) {
        Expression receiver = property.objectExpression
        String subject = receiver instanceof VariableExpression ? receiver.name : ''
        if (property.propertyAsString in FORBIDDEN_PROPERTIES || subject in ['System', 'Jenkins', 'Runtime', 'Class', 'Thread']) {
            report(property, "${subject}.${property.propertyAsString} is refused by the sandbox")
        }
        if (property.spreadSafe) {
            report(property, 'a spread operator iterates in Java')
        }
        super.visitPropertyExpression(property)
    }

    void visitBinaryExpression(BinaryExpression expression) {
        String subject = expression.leftExpression instanceof VariableExpression ? expression.leftExpression.name : ''
        if (expression.operation.text == '[' && subject == 'env') {
            report(expression, 'env[...] needs getAt of any object, which the sandbox refuses; env.NAME does not')
        }
        if (expression.operation.text in ['=~', '==~'] && !isNonCps) {
            report(expression, 'a Matcher cannot be saved when the controller restarts')
        }
        super.visitBinaryExpression(expression)
    }

    void visitForLoop(ForStatement loop) {
        if (!isNonCps && !(loop.collectionExpression instanceof ClosureListExpression)) {
            report(loop, 'the iterator of this loop may not be saved when the controller restarts: count instead')
        }
        super.visitForLoop(loop)
    }

    void visitCatchStatement(CatchStatement caught) {
        if (caught.variable.type.nameWithoutPackage in ['Throwable', 'Error', 'ThreadDeath', 'Object']) {
            report(caught, 'this also catches what Jenkins stops a build with')
        }
        super.visitCatchStatement(caught)
    }

    void visitDeclarationExpression(DeclarationExpression declaration) {
        String type = declaration.leftExpression.type.nameWithoutPackage
        if (!isNonCps && type in ['Iterator', 'Matcher', 'JsonSlurper', 'Entry', 'File', 'Process']) {
            report(declaration, "a ${type} cannot be saved when the controller restarts")
        }
        super.visitDeclarationExpression(declaration)
    }

    protected SourceUnit getSourceUnit() {
        return null
    }
}
