// SPDX-License-Identifier: GPL-2.0

//! What the steps of a packet's way mean, in a few words for each function and event that matters.

/// The meaning of a function or event, if it is one of those.
pub fn meaning(name: &str) -> Option<&'static str> {
    let meaning = match name {
        // The way out.
        "tcp_sendmsg" | "udp_sendmsg" => "the system call has found the socket",
        "tcp_stream_alloc_skb" => "a packet, into which the message is copied",
        "tcp_write_xmit" => "what the windows allow is sent",
        "skb_clone" => "the original is kept in case it must be sent again",
        "__ip_queue_xmit" => "IP: the route, and a header",
        "ip_make_skb" => "a packet with an IP header, into which the message is copied",
        "nf_hook_slow" => "netfilter: firewall rules",
        "ip_finish_output2" => "to the next hop, whose hardware address must be known",
        "neigh_resolve_output" => "is the neighbour's hardware address known?",
        "__neigh_event_send" => "the packet waits in the neighbour's queue",
        "arp_solicit" => "ARP asks who has the address",
        "arp_process" => "ARP: a question for us, or an answer",
        "neigh_update" => "the address is known now; what waited can go",
        "__dev_queue_xmit" => "the device's queueing discipline",
        "sch_direct_xmit" => "the queueing discipline hands it to the driver",
        "igb_xmit_frame_ring" => "a descriptor on the card's transmit ring; the card is told",
        "start_xmit" => "a descriptor on the transmit virtqueue; the host is told",
        "loopback_xmit" => "no card: the packet is received by the same machine",
        // The way in.
        "irq_handler_entry" => "the card has interrupted the processor",
        "igb_msix_ring" => "the driver's handler: the queue goes onto the poll list",
        "skb_recv_done" => "the driver's handler: packets have come",
        "skb_xmit_done" => "the driver's handler: packets have been sent",
        "__napi_schedule" => "the queue is put on this processor's poll list",
        "softirq_raise" => "the receive soft interrupt is marked pending",
        "__irq_exit_rcu" => "the hard interrupt ends; soft interrupts are pending",
        "run_ksoftirqd" => "the kernel thread goes on with pending soft interrupts",
        "handle_softirqs" => "pending soft interrupts run, interrupts enabled",
        "net_rx_action" => "polls the queues on the list, within a budget",
        "igb_poll" | "virtnet_poll" => "takes what has come off the ring, frees what has gone",
        "virtnet_poll_tx" => "looks which packets have been sent",
        "napi_consume_skb" => "a packet that has been sent is freed",
        "napi_complete_done" => "the ring is empty: interrupts are enabled again",
        "napi_poll" => "the poll is over",
        "dev_gro_receive" => "GRO: packets of one stream may be merged",
        "netif_receive_skb_list_internal" => "to the protocols",
        "ip_rcv" | "ip_list_rcv" => "IP: is the header right, and for whom is it?",
        "ip_local_deliver" => "it is for this machine",
        "tcp_v4_rcv" => "TCP: to which socket does it belong?",
        "udp_rcv" => "UDP: to which socket does it belong?",
        "tcp_rcv_established" => "a segment of a connection",
        "tcp_data_queue" | "tcp_queue_rcv" => "into the socket's receive queue",
        "__udp_enqueue_schedule_skb" => "into the socket's receive queue",
        "tcp_conn_request" => "a SYN: a request is noted, SYN-ACK is sent",
        "inet_csk_reqsk_queue_add" => "the connection enters the accept queue",
        "sk_stream_write_space" => "there is room in the send buffer again",
        "kfree_skb" => "a packet is dropped",
        // The wake-up.
        "sock_def_readable" => "wakes the socket's wait queue",
        "repoll_callback" => "repoll's entry on that queue: the item becomes ready",
        "ep_poll_callback" => "epoll's entry on that queue: the item becomes ready",
        "repoll_wake" => "a waiter of the instance is chosen",
        "default_wake_function" => "the waiter becomes runnable",
        "woken_wake_function" => "the entry of a thread in recv",
        "sched_switch" => "the processor changes threads",
        "repoll_deliver" => "the scan polls the file and writes the event",
        "repoll_wait_exit" => "the wait ends",
        _ => return None,
    };
    Some(meaning)
}
