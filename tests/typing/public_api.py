import deliverkit
