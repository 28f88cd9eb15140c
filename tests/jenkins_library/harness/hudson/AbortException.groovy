package hudson

/** What `error` and a failed `sh` throw. */
class AbortException extends Exception {
    AbortException(String message) {
        super(message)
    }
}
