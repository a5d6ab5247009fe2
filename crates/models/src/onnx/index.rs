use std::collections::{HashMap, HashSet};

use crate::onnx_proto::{GraphProto, NodeProto};

/// Who makes and who takes each value of a graph, by the places of its nodes and initializers.
pub(super) struct Index {
    producers: HashMap<String, usize>,
    consumers: HashMap<String, usize>,
    initializers: HashMap<String, usize>,
    uses: HashMap<String, usize>,
    names: HashSet<String>,
    /// Rises with every name that was tried, so that many collisions stay cheap.
    number: usize,
}

impl Index {
    pub(super) fn of(graph: &GraphProto) -> Self {
        let mut index = Self {
            producers: HashMap::new(),
            consumers: HashMap::new(),
            initializers: HashMap::new(),
            uses: HashMap::new(),
            names: HashSet::new(),
            number: 1,
        };
        for (at, node) in graph.node.iter().enumerate() {
            index.producers.extend(node.output.iter().map(|name| (name.clone(), at)));
            index.consumers.extend(node.input.iter().map(|name| (name.clone(), at)));
        }
        for (at, tensor) in graph.initializer.iter().enumerate() {
            index.initializers.insert(tensor.name.clone().unwrap_or_default(), at);
        }
        index.count(graph);
        index
    }

    /// The node that makes the value.
    pub(super) fn producer(&self, value: &str) -> Option<usize> {
        self.producers.get(value).copied()
    }

    /// A node that takes the value: the only one where [`uses`](Self::uses) is 1 and it is there at all.
    pub(super) fn consumer(&self, value: &str) -> Option<usize> {
        self.consumers.get(value).copied()
    }

    pub(super) fn initializer(&self, name: &str) -> Option<usize> {
        self.initializers.get(name).copied()
    }

    /// The initializer, where only one input in the whole model takes it: changing it then changes nothing else.
    pub(super) fn own_initializer(&self, name: &str) -> Option<usize> {
        self.initializer(name).filter(|_| self.uses(name) == 1)
    }

    /// How often the value is taken, by nodes of this graph and of the graphs inside it, and as an output.
    pub(super) fn uses(&self, value: &str) -> usize {
        self.uses.get(value).copied().unwrap_or(0)
    }

    /// `wanted`, or that with a number behind it where the name is taken.
    pub(super) fn fresh_name(&mut self, wanted: &str) -> String {
        let mut name = wanted.to_owned();
        while !self.names.insert(name.clone()) {
            self.number += 1;
            name = format!("{wanted}/{}", self.number);
        }
        name
    }

    fn count(&mut self, graph: &GraphProto) {
        for name in graph.output.iter().filter_map(|output| output.name.as_ref()) {
            *self.uses.entry(name.clone()).or_default() += 1;
        }
        let inputs = graph.input.iter().filter_map(|input| input.name.clone());
        let initializers = graph.initializer.iter().filter_map(|tensor| tensor.name.clone());
        self.names.extend(inputs.chain(initializers));
        for node in &graph.node {
            self.count_node(node);
        }
    }

    fn count_node(&mut self, node: &NodeProto) {
        for name in &node.input {
            *self.uses.entry(name.clone()).or_default() += 1;
        }
        self.names.extend(node.input.iter().chain(&node.output).cloned());
        for attribute in &node.attribute {
            for inner in attribute.g.iter().chain(&attribute.graphs) {
                self.count(inner);
            }
        }
    }
}
