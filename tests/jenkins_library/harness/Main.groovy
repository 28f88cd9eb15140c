import groovy.json.JsonOutput
import groovy.json.JsonSlurperClassic

// groovy Main.groovy ORDERS.json RESULTS.json: {library, order: [name], cases: {name: case}, scans: {name: text}}
Map orders = new JsonSlurperClassic().parse(new File(args[0]), 'UTF-8')
Map results = [cases: [:], scans: [:]]
orders.order.each { name ->  // one after the other, as they were written
    results.cases[name] = new Build(orders.cases[name], new File(orders.library)).run()
}
orders.scans.each { name, text ->
    results.scans[name] = Scan.findings(text, orders.library)
}
new File(args[1]).setText(JsonOutput.toJson(results), 'UTF-8')
