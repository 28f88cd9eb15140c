package com.cloudbees.groovy.cps

/** Stands for the annotation of Jenkins' Pipeline: such a method runs as ordinary code, at once. */
@interface NonCPS {
}
