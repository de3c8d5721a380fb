// Package route turns the model name of a request into an ordered plan of targets. It exists so that this decision is one plain
// call on an immutable table that came from the configuration.
//
// May not know: sockets, loops, clocks, what a provider is beyond its index and name, whether it is well.
// Threads: a Table is never changed after NewTable and is safe on every thread. A State belongs to one loop.
// Bytes: Resolve borrows the name; Resolved.Model and Target.ModelView are views of it and live as long as it does. All else that
// a Target refers to belongs to the Table and lives as long as that.
package route
